# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A double of the module RemoteAccess (domain.md 2.5): RRAS's own view of its certificate, and the one way to change it that
# RRAS knows of. Whatever Microsoft's documents do not say of it is assumed. HKLM\SOFTWARE\lab\RemoteAccess says more:
#
#   Form (1)       SslCertificate comes as an array of bytes, as PowerShell 7 gets it
#   Certificate    DER that RRAS says it has, whatever the registry of SstpSvc says
#   UseHttp        what RRAS says, whatever UseHttps of SstpSvc says
#   ConnectTo      DirectAccess is installed, and this is its ConnectToAddress
#   Nodes\NAME     a node of the load-balanced cluster and its StatusCode; with " without certificate" behind it the node lacks that
#   Fails          Set-RemoteAccess fails with this text
#   GetFails       Get-RemoteAccess fails with this text
#   Advertised     DER of the certificate that IKEv2 clients are shown (CertificateAdvertised of Get-VpnAuthProtocol)
#   AuthFails      Get-VpnAuthProtocol fails with this text
#   Ignores (1)    Set-RemoteAccess does nothing, and does not say so
#
# Microsoft's commands are made of CIM classes: their errors end a caller only with -ErrorAction Stop, and they do not see
# its $ErrorActionPreference, as these do not. By .NET alone: most cmdlets are not in the lab's engine.
# Certificates leave here as copies of their DER: Wine writes a store when the last context of it is gone.
using namespace Microsoft.Win32
using namespace System.Security.Cryptography
using namespace System.Security.Cryptography.X509Certificates

$Lab = 'SOFTWARE\lab\RemoteAccess'
$Network = 'SOFTWARE\lab\Network'
$SstpSvc = 'SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters'
$SslRecords = 'SYSTEM\CurrentControlSet\Services\HTTP\Parameters\SslBindingInfo'
$SstpAppId = [guid] 'ba195980-cd49-458b-9e23-c84ee0adcd75'
$CommonName = '2.5.4.3'
$LacksCertificate = ' without certificate'
$UpStates = 'Converged', 'Converging', 'Default'

function Get-Value([string] $Path, [string] $Name) {
    # Null where there is no such key, too. The comma keeps an array of bytes one.
    return , [Registry]::GetValue("HKEY_LOCAL_MACHINE\$Path", $Name, $null)
}

function Write-Failure([Management.Automation.PSCmdlet] $Command, [string] $Text) {
    $exception = [InvalidOperationException]::new($Text)
    $Command.WriteError([Management.Automation.ErrorRecord]::new($exception, 'RemoteAccess', 'NotSpecified', $null))
}

# Each certificate of LocalMachine\My, as its DER.
function Get-StoredCertificate {
    $store = [X509Store]::new('My', 'LocalMachine')
    $store.Open('ReadOnly')
    try {
        foreach ($certificate in $store.Certificates) {
            , $certificate.RawData
            $certificate.Dispose()
        }
    }
    finally {
        $store.Close()
    }
}

function Get-Digest([byte[]] $Data) {
    return [BitConverter]::ToString([SHA256]::HashData($Data))
}

# DER of the certificate that RRAS says it has; nothing where it has none.
function Get-ConfiguredCertificate {
    $told = Get-Value $Lab 'Certificate'
    if ($null -ne $told) {
        return , $told
    }
    $hash = Get-Value $SstpSvc 'SHA256CertificateHash'
    if ((Get-Value $SstpSvc 'isHashConfiguredByAdmin') -ne 1 -or $hash -isnot [byte[]]) {
        return
    }
    foreach ($der in Get-StoredCertificate) {
        if ((Get-Digest $der) -eq [BitConverter]::ToString($hash)) {
            return , $der
        }
    }
}

# The nodes of the load-balanced cluster.
function Get-Node {
    $key = [Registry]::LocalMachine.OpenSubKey("$Lab\Nodes")
    if ($null -eq $key) {
        return
    }
    foreach ($name in $key.GetValueNames()) {
        $text = [string] $key.GetValue($name)
        $lacks = $text.EndsWith($LacksCertificate)
        if ($lacks) {
            $text = $text.Substring(0, $text.Length - $LacksCertificate.Length)
        }
        [pscustomobject] @{ HostName = $name; StatusCode = $text; LacksCertificate = $lacks }
    }
    $key.Close()
}

# The names of a certificate: CN, and DNS names and addresses of its subjectAltName.
function Get-CertificateName([X509Certificate2] $Certificate) {
    foreach ($part in $Certificate.SubjectName.EnumerateRelativeDistinguishedNames()) {
        if (-not $part.HasMultipleElements -and $part.GetSingleElementType().Value -eq $CommonName) {
            $part.GetSingleElementValue()
        }
    }
    foreach ($extension in $Certificate.Extensions) {
        if ($extension -is [X509SubjectAlternativeNameExtension]) {
            $extension.EnumerateDnsNames()
            foreach ($address in $extension.EnumerateIPAddresses()) {
                $address.ToString()
            }
        }
    }
}

# Whether a name of a certificate covers a host's; a wildcard covers one label.
function Test-NameCovers([string] $Pattern, [string] $Name) {
    if (-not $Pattern.StartsWith('*.')) {
        return $Pattern -eq $Name
    }
    $dot = $Name.IndexOf('.')
    return $dot -gt 0 -and $Name.Substring($dot) -eq $Pattern.Substring(1)
}

# Why Set-RemoteAccess refuses a certificate; nothing where it takes it.
function Get-Refusal([X509Certificate2] $Certificate) {
    $fails = Get-Value $Lab 'Fails'
    if ($fails) {
        return $fails
    }
    $digest = Get-Digest $Certificate.RawData
    if (-not @(foreach ($der in Get-StoredCertificate) { if ((Get-Digest $der) -eq $digest) { 'there' } })) {
        return "The certificate $($Certificate.Thumbprint) was not found in the LocalMachine\My store."
    }
    $connectTo = Get-Value $Lab 'ConnectTo'
    if ($connectTo -and -not @(Get-CertificateName $Certificate | Where-Object { Test-NameCovers $_ $connectTo })) {
        return "The subject of the certificate does not match the ConnectTo address $connectTo."
    }
    foreach ($node in Get-Node) {
        if ($node.LacksCertificate -and $node.StatusCode -in $UpStates) {
            return "The certificate was not found on the node $($node.HostName)."
        }
    }
}

# A record of HTTP.SYS, written anew: what was set of it gets lost. That of another application is left as it is.
function Write-SslRecord([string] $Endpoint, [byte[]] $Thumbprint) {
    $path = "$SslRecords\$Endpoint"
    $owner = Get-Value $path 'AppId'
    if ($null -ne $owner -and [guid]::new([byte[]] $owner) -ne $SstpAppId) {
        return
    }
    [Registry]::LocalMachine.DeleteSubKeyTree($path, $false)
    $key = [Registry]::LocalMachine.CreateSubKey($path)
    # The double httpapi.dll takes every value that is not there for the default one.
    $key.SetValue('SslCertHash', $Thumbprint, 'Binary')
    $key.SetValue('AppId', $SstpAppId.ToByteArray(), 'Binary')
    $key.SetValue('SslCertStoreName', 'MY', 'String')
    $key.Close()
}

function Write-Configuration([X509Certificate2] $Certificate) {
    $key = [Registry]::LocalMachine.CreateSubKey($SstpSvc)
    $key.SetValue('SHA256CertificateHash', [SHA256]::HashData($Certificate.RawData), 'Binary')
    $key.SetValue('isHashConfiguredByAdmin', 1, 'DWord')
    $key.Close()
    if ($null -ne (Get-Value $Lab 'Certificate')) {
        [Registry]::SetValue("HKEY_LOCAL_MACHINE\$Lab", 'Certificate', $Certificate.RawData, 'Binary')
    }
    $port = Get-Value $SstpSvc 'ListenerPort'
    if (-not $port) {
        $port = 443
    }
    $thumbprint = $Certificate.GetCertHash()
    Write-SslRecord "0.0.0.0:$port" $thumbprint
    $existing = Get-Value "$SslRecords\[::]:$port" 'AppId'
    if ($null -ne $existing -or (Get-Value $Network 'IPv6Unbound') -ne 1) {
        Write-SslRecord "[::]:$port" $thumbprint
    }
}

function Get-RemoteAccess {
    [CmdletBinding()]
    param()
    $fails = Get-Value $Lab 'GetFails'
    if ($fails) {
        Write-Failure $PSCmdlet $fails
        return
    }
    $certificate = Get-ConfiguredCertificate
    if ($null -ne $certificate -and (Get-Value $Lab 'Form') -ne 1) {
        $certificate = [X509Certificate2]::new([byte[]] $certificate)
    }
    $useHttp = Get-Value $Lab 'UseHttp'
    if ($null -eq $useHttp) {
        $useHttp = (Get-Value $SstpSvc 'UseHttps') -eq 0
    }
    $directAccess, $status = $null, 'Uninstalled'
    $connectTo = Get-Value $Lab 'ConnectTo'
    if ($connectTo) {
        $status = 'Installed'
        $directAccess = [pscustomobject] @{ ServerConfiguration = [pscustomobject] @{ ConnectToAddress = $connectTo } }
    }
    return [pscustomobject] @{
        VpnStatus = 'Installed'
        DAStatus = $status
        LoadBalancing = if (@(Get-Node)) { 'Configured' } else { 'NotConfigured' }
        SslCertificate = $certificate
        UseHttp = [bool] $useHttp
        DAConfiguration = $directAccess
    }
}

function Get-RemoteAccessLoadBalancer {
    [CmdletBinding()]
    param()
    $nodes = @(foreach ($node in Get-Node) { [pscustomobject] @{ HostName = $node.HostName; StatusCode = $node.StatusCode } })
    if (-not $nodes) {
        Write-Failure $PSCmdlet 'Network load balancing is not configured on this server.'
        return
    }
    return [pscustomobject] @{ NlbNodeStatus = $nodes }
}

function Get-VpnAuthProtocol {
    [CmdletBinding()]
    param()
    $fails = Get-Value $Lab 'AuthFails'
    if ($fails) {
        Write-Failure $PSCmdlet $fails
        return
    }
    $certificate = Get-Value $Lab 'Advertised'
    if ($null -ne $certificate -and (Get-Value $Lab 'Form') -ne 1) {
        $certificate = [X509Certificate2]::new([byte[]] $certificate)
    }
    return [pscustomobject] @{ CertificateAdvertised = $certificate }
}

function Set-RemoteAccess {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)] [X509Certificate2] $SslCertificate,
        [switch] $Force
    )
    $refusal = Get-Refusal $SslCertificate
    if ($refusal) {
        Write-Failure $PSCmdlet $refusal
        return
    }
    if ((Get-Value $Lab 'Ignores') -ne 1 -and $PSCmdlet.ShouldProcess('SslCertificate')) {
        Write-Configuration $SslCertificate
    }
}
