// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// PRIVATE to the collection: where, in the registry and in files, thumbprints are written. No policy: the places are the caller's,
// and so is what a mention means.

using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.IO;
using System.Text;
using Microsoft.Win32;

//TypeAccelerator -Name RrasSstp.MentionSearch -TypeName MentionSearch

namespace ansible_collections.rras.sstp.plugins.module_utils._Mentions
{
    // A thumbprint that is written there, or why it could not be read there. Where: below the place, null for the place itself.
    public sealed class Mention
    {
        public string Where { get; internal set; }
        public string Thumbprint { get; internal set; }
        public Exception Exception { get; internal set; }
    }

    public sealed class MentionSearch
    {
        private const int ERROR_FILE_NOT_FOUND = 2;
        private const int ERROR_PATH_NOT_FOUND = 3;
        private const int ERROR_KEY_DELETED = 1018;

        private static readonly int Digits = 40;
        private static readonly int Bytes = 20;
        private static readonly int DepthLimit = 12;
        private static readonly int KeyLimit = 10000;
        private static readonly long FileLimit = 32L << 20;

        private readonly List<string> _wanted = new List<string>();
        private readonly Dictionary<string, int> _numbers = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        // By their first two bytes, so that most of what is binary is passed over quickly.
        private readonly bool[] _beginnings = new bool[65536];

        public MentionSearch(string[] thumbprints)
        {
            foreach (string thumbprint in thumbprints)
            {
                if (_numbers.ContainsKey(thumbprint) || !IsThumbprint(thumbprint))
                {
                    continue;
                }
                _numbers.Add(thumbprint, _wanted.Count);
                _wanted.Add(thumbprint.ToUpperInvariant());
                _beginnings[Convert.ToInt32(thumbprint.Substring(0, 4), 16)] = true;
            }
        }

        // Names and values of a key of HKEY_LOCAL_MACHINE, and of those below it.
        public List<Mention> InRegistry(string path)
        {
            List<Mention> found = new List<Mention>();
            int left = KeyLimit;
            using (RegistryKey machine = RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64))
            {
                ReadKey(machine, path, "", 0, ref left, found);
            }
            return found;
        }

        public List<Mention> InFile(string path)
        {
            List<Mention> found = new List<Mention>();
            try
            {
                AddAll(ReadFile(Environment.ExpandEnvironmentVariables(path)), null, found);
            }
            catch (Exception e)
            {
                AddProblem(e, null, found);
            }
            return found;
        }

        private void ReadKey(RegistryKey above, string name, string where, int depth, ref int left, List<Mention> found)
        {
            if (depth > DepthLimit || left == 0)
            {
                return;
            }
            left--;
            if (where.Length > 0 && _numbers.ContainsKey(name))
            {
                found.Add(new Mention { Where = where, Thumbprint = name.ToUpperInvariant() });
            }
            try
            {
                using (RegistryKey key = above.OpenSubKey(name))
                {
                    if (key == null)
                    {
                        return;
                    }
                    foreach (string value in key.GetValueNames())
                    {
                        AddAll(ReadValue(key, value), Below(where, value), found);
                    }
                    foreach (string below in key.GetSubKeyNames())
                    {
                        ReadKey(key, below, Below(where, below), depth + 1, ref left, found);
                    }
                }
            }
            catch (Exception e)
            {
                AddProblem(e, where.Length > 0 ? where : null, found);
            }
        }

        private static string Below(string where, string name)
        {
            return where.Length > 0 ? where + "\\" + name : name;
        }

        private bool[] ReadValue(RegistryKey key, string name)
        {
            bool[] seen = new bool[_wanted.Count];
            int number;
            if (_numbers.TryGetValue(name, out number))
            {
                seen[number] = true;
            }
            object data = key.GetValue(name, null, RegistryValueOptions.DoNotExpandEnvironmentNames);
            string[] texts = data as string[] ?? new string[] { data as string };
            foreach (string text in texts)
            {
                if (text != null && text.Length >= Digits)
                {
                    SearchText(text.Replace(" ", "").Replace(":", ""), seen);
                }
            }
            byte[] bytes = data as byte[];
            // .NET gives bytes for numbers of an odd size as well.
            if (bytes != null && bytes.Length >= Bytes && IsBinary(key.GetValueKind(name)))
            {
                SearchBytes(bytes, seen);
            }
            return seen;
        }

        private static bool IsBinary(RegistryValueKind kind)
        {
            return kind == RegistryValueKind.Binary || kind == RegistryValueKind.None;
        }

        // Whoever has the file open may go on writing it. https://learn.microsoft.com/dotnet/api/system.io.streamreader: a mark at its beginning
        // tells the encoding.
        private bool[] ReadFile(string path)
        {
            bool[] seen = new bool[_wanted.Count];
            using (FileStream stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            {
                if (stream.Length > FileLimit)
                {
                    throw new InvalidOperationException("The file is larger than " + FileLimit + " bytes.");
                }
                using (StreamReader reader = new StreamReader(stream, Encoding.UTF8, true))
                {
                    char[] buffer = new char[65536];
                    string text = "";
                    int read;
                    while ((read = reader.Read(buffer, 0, buffer.Length)) > 0)
                    {
                        // A thumbprint may begin in one part and end in the next.
                        string rest = text.Substring(Math.Max(0, text.Length - Digits + 1));
                        text = rest + new string(buffer, 0, read);
                        SearchText(text, seen);
                    }
                }
            }
            return seen;
        }

        private void SearchText(string text, bool[] seen)
        {
            int run = 0;
            for (int i = 0; i < text.Length; i++)
            {
                run = IsDigit(text[i]) ? run + 1 : 0;
                if (run >= Digits)
                {
                    See(text.Substring(i - Digits + 1, Digits), seen);
                }
            }
        }

        private void SearchBytes(byte[] data, bool[] seen)
        {
            for (int i = 0; i + Bytes <= data.Length; i++)
            {
                if (_beginnings[data[i] << 8 | data[i + 1]])
                {
                    See(BitConverter.ToString(data, i, Bytes).Replace("-", ""), seen);
                }
            }
        }

        private void See(string digits, bool[] seen)
        {
            int number;
            if (_numbers.TryGetValue(digits, out number))
            {
                seen[number] = true;
            }
        }

        private void AddAll(bool[] seen, string where, List<Mention> found)
        {
            for (int i = 0; i < seen.Length; i++)
            {
                if (seen[i])
                {
                    found.Add(new Mention { Where = where, Thumbprint = _wanted[i] });
                }
            }
        }

        // What is not there, or is gone by now, is no problem.
        private static void AddProblem(Exception problem, string where, List<Mention> found)
        {
            int code = problem is IOException ? CodeOf(problem.HResult) : 0;
            if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND || code == ERROR_KEY_DELETED)
            {
                return;
            }
            found.Add(new Mention { Where = where, Exception = code == 0 ? problem : new Win32Exception(code, problem.Message) });
        }

        // .NET keeps Windows' code as it is for the registry, and as HRESULT_FROM_WIN32 for files; its own HRESULTs are of another facility.
        // https://learn.microsoft.com/openspecs/windows_protocols/ms-erref/0642cb2f-2075-4469-918c-4441e69c548a
        private static int CodeOf(int result)
        {
            return result >> 16 == 0 || (result >> 16 & 0xFFFF) == 0x8007 ? result & 0xFFFF : 0;
        }

        private static bool IsThumbprint(string text)
        {
            foreach (char c in text)
            {
                if (!IsDigit(c))
                {
                    return false;
                }
            }
            return text.Length == Digits;
        }

        private static bool IsDigit(char c)
        {
            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
        }
    }
}
