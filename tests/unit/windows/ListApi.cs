// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Lists what is public in the assemblies that it is given, from their metadata: nothing of them is loaded or run.
//     T <assembly> <type> <base type>
//     M <type> static|instance <member> <least arguments> <most arguments>     -1 and -1: not to be called; most 999: params

using System;
using System.Linq;
using Mono.Cecil;

internal static class ListApi
{
    private static void Main(string[] paths)
    {
        foreach (string path in paths)
        {
            ModuleDefinition module = ModuleDefinition.ReadModule(path);
            foreach (TypeDefinition type in module.GetTypes().Where(IsPublic))
            {
                string baseType = type.BaseType == null ? "" : type.BaseType.GetElementType().FullName;
                Tell("T", module.Assembly.Name.Name, type.FullName, baseType);
                foreach (MethodDefinition method in type.Methods.Where(m => m.IsPublic))
                {
                    TellMethod(type, method);
                }
                foreach (FieldDefinition field in type.Fields.Where(f => f.IsPublic))
                {
                    TellValue(type, field.Name, field.IsStatic);
                }
                foreach (PropertyDefinition property in type.Properties.Where(p => p.GetMethod != null && p.GetMethod.IsPublic))
                {
                    TellValue(type, property.Name, property.GetMethod.IsStatic);
                }
            }
        }
    }

    private static bool IsPublic(TypeDefinition type)
    {
        return type.IsPublic || (type.IsNestedPublic && IsPublic(type.DeclaringType));
    }

    private static void TellMethod(TypeDefinition type, MethodDefinition method)
    {
        if (method.IsConstructor && method.IsStatic)
        {
            return;
        }
        bool variable = method.Parameters.Any(p => p.CustomAttributes.Any(a => a.AttributeType.Name == "ParamArrayAttribute"));
        int most = variable ? 999 : method.Parameters.Count;
        int least = method.Parameters.Count(p => !p.IsOptional) - (variable ? 1 : 0);
        bool isStatic = method.IsStatic || method.IsConstructor;
        Tell("M", type.FullName, isStatic ? "static" : "instance", method.IsConstructor ? "new" : method.Name, least, most);
    }

    private static void TellValue(TypeDefinition type, string name, bool isStatic)
    {
        Tell("M", type.FullName, isStatic ? "static" : "instance", name, -1, -1);
    }

    private static void Tell(params object[] words)
    {
        Console.WriteLine(string.Join("\t", words));
    }
}
