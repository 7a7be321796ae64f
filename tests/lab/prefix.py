# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wine prefixes: one is prepared, every host is a clone of it.

Everything lies below the build folder: doubles/ (what mingw built), prefix/ (the prepared one), hosts/ (the clones).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "doubles"
ENGINE = Path(__file__).resolve().parents[3] / "shared/engine/pwsh-win-x64/pwsh.exe"
# Debian's `wine` is a shell script that prefers a 32-bit loader; the 64-bit one is called as it is where it is found.
LOADERS = ("/usr/lib/wine/wine64", "wine64", "wine")
SERVERS = ("/usr/lib/wine/wineserver64", "wineserver")
# The PowerShell module that is a double; its folder is on PSModulePath.
MODULE, MODULES = "RemoteAccess", "drive_c/Program Files/PowerShell/Modules"
COMPILER = "x86_64-w64-mingw32-gcc"
KEPT_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR")

# The first cure of the engine's README: a machine key lies below HKLM, and CryptAcquireCertificatePrivateKey of Wine 8
# looks below HKCU whatever the flags say. So the user's containers are those of the machine.
USER_SETTINGS = r"""
[Software\\Wine\\Crypto\\RSA] 1
#link
"SymbolicLinkValue"=hex(6):%(link)s

[Software\\Wine\\DllOverrides] 1
"httpapi"="native"
"wevtapi"="native"
"mprapi"="native"

[Software\\Wine\\AppDefaults\\pwsh.exe\\DllOverrides] 1
"iphlpapi"="native"

[Software\\Wine] 1
"Version"="win10"
"""
# Wine's own default here is Windows 7.
SYSTEM_SETTINGS = r"""
[Software\\Wine\\Crypto\\RSA] 1

[Software\\Microsoft\\Windows NT\\CurrentVersion] 1
"CurrentBuild"="18362"
"CurrentBuildNumber"="18362"
"CurrentVersion"="6.3"
"EditionID"="ServerStandard"
"InstallationType"="Server"
"ProductName"="Windows Server (rras.sstp lab)"
"""
SERVICE = r"""
[System\\CurrentControlSet\\Services\\%(name)s] 1
"DependOnService"=str(7):"%(needs)s\0"
"DisplayName"="%(name)s"
"ErrorControl"=dword:00000001
"ImagePath"=str(2):"C:\\lab\\service.exe %(name)s"
"ObjectName"="LocalSystem"
"Start"=dword:00000003
"Type"=dword:00000010

[System\\CurrentControlSet\\Services\\%(name)s\\Parameters] 1
"""
GRAPH = (("SstpSvc", "HTTP"), ("RasMan", "SstpSvc"), ("RemoteAccess", "RasMan"))


def _first(names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := shutil.which(name))), None)


@dataclass(frozen=True)
class Tools:
    """The programs of this machine that the lab uses."""

    wine: str
    server: str
    compiler: str
    engine: Path


def engine_path() -> Path:
    """pwsh.exe: the one that LAB_PWSH names, or the engine that lies beside the repository."""
    return Path(os.environ.get("LAB_PWSH") or ENGINE)


def missing() -> list[str]:
    """What this machine lacks, a sentence each; empty when a host can be started."""
    wanted = {
        "Wine is not installed (Debian: wine, wine64).": _first(LOADERS) and _first(SERVERS),
        f"{COMPILER} is not installed (Debian: gcc-mingw-w64-x86-64).": shutil.which(COMPILER),
        f"There is no PowerShell engine at {engine_path()} (LAB_PWSH names another).": engine_path().is_file(),
    }
    return [sentence for sentence, found in wanted.items() if not found]


def tools() -> Tools:
    """The programs; RuntimeError with the reasons when one is missing."""
    reasons = missing()
    wine, server, compiler = _first(LOADERS), _first(SERVERS), shutil.which(COMPILER)
    if reasons or not (wine and server and compiler):
        raise RuntimeError(" ".join(reasons))
    return Tools(wine, server, compiler, engine_path().resolve())


def environment(prefix: Path, **more: str) -> dict[str, str]:
    """What a Wine process of a prefix gets: nothing of the caller's secrets, no display, no debugger dialog."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        # A server's own time zone is not that of the machine that it runs on.
        "TZ": "UTC",
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        # mscoree must stay: .NET's own System.Runtime.dll imports it. Only wineboot does without (no Mono dialog).
        "WINEDLLOVERRIDES": "winedbg.exe=;mshtml=",
        # Without it the runtime dies under Wine 8 ("Internal CLR error 0x80131506").
        "DOTNET_EnableWriteXorExecute": "0",
        # A fifth faster for processes that live for a second.
        "DOTNET_TieredPGO": "0",
        "DOTNET_gcConcurrent": "0",
        **more,
    }


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(tool: Tools, output: Path, sources: list[str], *options: str) -> None:
    newest = max(path.stat().st_mtime for path in SOURCES.iterdir() if path.is_file())
    if output.exists() and output.stat().st_mtime >= newest:
        return
    # Not another name: the import library takes it from the output file.
    fresh = output.parent / "new" / output.name
    fresh.parent.mkdir(parents=True, exist_ok=True)
    common = ["-O1", "-Wall", "-Wextra", "-municode", "-static-libgcc"]
    libraries = ["-ladvapi32", "-lcrypt32", "-lws2_32"]
    files = [str(SOURCES / name) for name in (*sources, "lab.c")]
    subprocess.run([tool.compiler, *common, "-o", str(fresh), *files, *options, *libraries], check=True)
    fresh.replace(output)


def _build_doubles(tool: Tools, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libhttpapi.a"
    _compile(tool, folder / "httpapi.dll", ["httpapi.c"], "-shared", f"-Wl,--out-implib,{library}")
    _compile(tool, folder / "httpapi_old.dll", ["httpapi.c"], "-shared", "-DLAB_NO_UPDATE")
    _compile(tool, folder / "wevtapi.dll", ["wevtapi.c", "wevtapi_lacking.c"], "-shared")
    _compile(tool, folder / "iphlpapi.dll", ["iphlpapi.c", "iphlpapi.def"], "-shared")
    _compile(tool, folder / "mprapi.dll", ["mprapi.c"], "-shared")
    _compile(tool, folder / "service.exe", ["service.c"], str(library))
    agent = sorted(path.name for path in SOURCES.glob("agent*.c"))
    _compile(tool, folder / "agent.exe", [*agent, "json.c"], str(library))


def _settings(prefix: Path) -> None:
    target = r"\Registry\Machine\Software\Wine\Crypto\RSA"
    link = ",".join(f"{byte:02x}" for byte in target.encode("utf-16le"))
    with (prefix / "user.reg").open("a") as file:
        file.write(USER_SETTINGS % {"link": link})
    with (prefix / "system.reg").open("a") as file:
        file.write(SYSTEM_SETTINGS)
        for name, needs in GRAPH:
            file.write(SERVICE % {"name": name, "needs": needs})


def remove_socket(prefix: Path) -> None:
    """Remove the folder of a wineserver's socket that has ended or was killed.

    Where there is no /run/user/UID, Debian's makes one in the folder for temporary files and notes its name in the prefix.
    """
    with contextlib.suppress(OSError):
        note = prefix / "wineserver"
        name = note.read_text().strip()
        if name.startswith("wine-"):
            shutil.rmtree(Path(tempfile.gettempdir(), name), ignore_errors=True)
        note.unlink()


def _make(tool: Tools, prefix: Path) -> None:
    """A prefix that no wineserver uses any more, with one drive: Windows finds nothing of this machine in it."""
    shutil.rmtree(prefix, ignore_errors=True)
    prefix.mkdir(parents=True)
    variables = environment(prefix, WINEDLLOVERRIDES="mscoree=;mshtml=;winedbg.exe=;winemenubuilder.exe=")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([tool.wine, "wineboot", "-i"], env=variables, check=True, **quiet)  # type: ignore[call-overload]
    subprocess.run([tool.server, "-w"], env=variables, check=True)
    remove_socket(prefix)
    # Drive Z: would make Wine warn on each command's standard error that it cannot read the disk's label.
    for drive in (prefix / "dosdevices").iterdir():
        if drive.name != "c:":
            drive.unlink()
    # Folders that point into the home of whoever runs the lab become folders of the host.
    for link in (prefix / "drive_c/users").rglob("*"):
        if link.is_symlink():
            link.unlink()
            link.mkdir()
    _settings(prefix)


def prepare(build: Path) -> Path:
    """Build the doubles where their sources are newer, and the prefix where its recipe is; gives the prefix.

    Safe when several processes call at a time: one works, the others wait.
    """
    tool = tools()
    prefix = build / "prefix"
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    with _locked(build):
        _build_doubles(tool, build / "doubles")
        stamp = prefix / "recipe"
        if not stamp.exists() or stamp.read_text() != recipe:
            _make(tool, prefix)
            stamp.write_text(recipe)
    return prefix


def clone(build: Path, target: Path, *, http_update: bool = True, cmdlets: bool = True) -> None:
    """A prefix of its own: big files as hard links, the registry as copies, the doubles as they are now."""
    prepared, doubles = build / "prefix", build / "doubles"
    shutil.copytree(prepared, target, symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns("recipe"))
    for path in target.iterdir():
        if path.is_file():
            path.unlink()
            shutil.copy2(prepared / path.name, path)
    system32, own = target / "drive_c/windows/system32", target / "drive_c/lab"
    own.mkdir()
    # The double forwards to Wine's own.
    (system32 / "iphlpapi.dll").rename(system32 / "iphlpapi_wine.dll")
    chosen = {"httpapi.dll": "httpapi.dll" if http_update else "httpapi_old.dll"}
    chosen |= {name: name for name in ("wevtapi.dll", "iphlpapi.dll", "mprapi.dll")}
    for library, double in chosen.items():
        (system32 / library).unlink(missing_ok=True)
        shutil.copy2(doubles / double, system32 / library)
    if cmdlets:
        shutil.copytree(SOURCES / MODULE, target / MODULES / MODULE)
    for name in ("service.exe", "agent.exe"):
        shutil.copy2(doubles / name, own / name)
    (target / "drive_c/engine").symlink_to(engine_path().resolve().parent)
