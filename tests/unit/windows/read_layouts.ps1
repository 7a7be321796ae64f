# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Compiles one C# text of several versions of the utils and tells, for each namespace, how the runtime lays out its structs
# for the Windows API, and the values of its constants and enumerations.

param ([string]$Text)
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$fields = [System.Reflection.BindingFlags]'Public, NonPublic, Instance, Static, DeclaredOnly'

function Get-FieldSize {
    param ($Field)
    $type = $Field.FieldType
    if ($type.IsArray) {
        $how = [System.Reflection.CustomAttributeExtensions]::GetCustomAttribute([System.Reflection.MemberInfo]$Field, [System.Runtime.InteropServices.MarshalAsAttribute])
        return $how.SizeConst * [System.Runtime.InteropServices.Marshal]::SizeOf([Type]$type.GetElementType())
    }
    [System.Runtime.InteropServices.Marshal]::SizeOf([Type]$type)
}

function Read-Layout {
    param ($Type)
    $layout = @{ size = [System.Runtime.InteropServices.Marshal]::SizeOf([Type]$Type); fields = @{} }
    foreach ($field in $Type.GetFields($fields)) {
        if ($field.IsStatic) { continue }
        $layout.fields[$field.Name] = @([int][System.Runtime.InteropServices.Marshal]::OffsetOf([Type]$Type, $field.Name), (Get-FieldSize $field))
    }
    $layout
}

$reports = @{}
foreach ($type in Add-Type -TypeDefinition $Text -PassThru) {
    $version = ([string]$type.Namespace).Split('.')[-1]
    if (-not $reports.ContainsKey($version)) { $reports[$version] = @{ structs = @{}; constants = @{} } }
    $report = $reports[$version]
    if ($type.IsValueType -and -not $type.IsEnum -and -not $type.IsPrimitive -and $type.Namespace) { $report.structs[$type.Name] = Read-Layout $type }
    foreach ($field in $type.GetFields($fields)) {
        if ($field.IsLiteral -and ($field.FieldType.IsPrimitive -or $field.FieldType.IsEnum)) { $report.constants[$type.Name + '.' + $field.Name] = [long]$field.GetRawConstantValue() }
    }
}
ConvertTo-Json -InputObject $reports -Depth 6 -Compress
