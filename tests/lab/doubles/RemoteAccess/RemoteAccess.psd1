# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
@{
    RootModule = 'RemoteAccess.psm1'
    ModuleVersion = '2.0.0.0'
    GUID = '6c616200-0000-4000-8000-000000000001'
    # By name: PowerShell loads a module for a command that it does not know only where its manifest names that command.
    FunctionsToExport = @('Get-RemoteAccess', 'Set-RemoteAccess', 'Get-RemoteAccessLoadBalancer', 'Get-VpnAuthProtocol')
    CmdletsToExport = @()
    AliasesToExport = @()
}
