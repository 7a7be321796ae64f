#!powershell

# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection: reads facts and carries out lists of primitive changes for the action plugins. No policy.
# The contract is in docs/backend.md.

#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil ..module_utils._HttpSys
#AnsibleRequires -CSharpUtil ..module_utils._Certificates
#AnsibleRequires -CSharpUtil ..module_utils._Sessions
#AnsibleRequires -CSharpUtil ..module_utils._KeyContainers
#AnsibleRequires -CSharpUtil ..module_utils._Mentions

$spec = @{
    options = @{
        operation = @{ type = 'str'; required = $true; choices = 'observe', 'apply' }
        facets = @{
            type = 'list'
            elements = 'str'
            choices = 'events', 'host', 'http', 'keys', 'mentions', 'product', 'remote_access', 'served', 'services', 'sessions', 'sstp', 'stores'
            default = @('host', 'http', 'product', 'served', 'services', 'sessions', 'sstp', 'stores')
        }
        ports = @{ type = 'list'; elements = 'int'; default = @() }
        thumbprints = @{ type = 'list'; elements = 'str'; default = @() }
        authorities = @{ type = 'list'; elements = 'str'; default = @() }
        issuers = @{ type = 'list'; elements = 'str'; default = @() }
        prove = @{ type = 'list'; elements = 'str'; default = @() }
        prove_bound = @{ type = 'bool'; default = $false }
        challenge = @{ type = 'str'; default = '' }
        untouched_providers = @{ type = 'list'; elements = 'str'; default = @() }
        served_timeout = @{ type = 'int'; default = 5 }
        events_since = @{ type = 'str' }
        places = @{ type = 'list'; elements = 'dict'; default = @() }
        remote_access_when = @{ type = 'list'; elements = 'dict'; default = @() }
        expect = @{ type = 'str' }
        changes = @{ type = 'list'; elements = 'dict'; default = @() }
        undo_on_failure = @{ type = 'bool'; default = $true }
        recover = @{ type = 'bool'; default = $false }
        transaction = @{ type = 'str' }
        lock_timeout = @{ type = 'int'; default = 60 }
        pfx = @{ type = 'str'; no_log = $true }
        pfx_password = @{ type = 'str'; no_log = $true }
    }
    supports_check_mode = $true
}

$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$SERVICES_KEY = 'SYSTEM\CurrentControlSet\Services'
$SSTP_KEY = 'SYSTEM\CurrentControlSet\Services\SstpSvc\Parameters'
$HTTP_KEY = 'SYSTEM\CurrentControlSet\Services\HTTP\Parameters'
$PRODUCT_KEY = 'SOFTWARE\rras.sstp'
$JOURNAL_KEY = 'SOFTWARE\rras.sstp\Journal'
$JOURNAL_OWNER = 'Transaction'
# A volatile key: it is not there any more when the host has been started anew.
$JOURNAL_BOOT = 'Boot'
$RECOVERY_SECONDS = 120
$TRANSACTIONS_KEY = 'SOFTWARE\rras.sstp\Transactions'
$TRANSACTION_LIMIT = 4
# A longer value is reported by its length alone, and is not changed: nothing that is meant to be here is near it.
$VALUE_LIMIT = 4096
$AUTHORITY_STORES = 'CA', 'ROOT'
$CHAIN_LIMIT = 8
$CONTAINER_LIMIT = 4096
$SYSTEM_STORES_KEY = 'SOFTWARE\Microsoft\SystemCertificates'
$SERVICE_STORES_KEY = 'SOFTWARE\Microsoft\Cryptography\Services'
# Those in which Windows keeps the machine's keys of RSA, whichever of its providers made them, and those of CNG.
$KEY_PROVIDERS = @{ name = 'Microsoft Enhanced RSA and AES Cryptographic Provider'; type = 24 }, @{ name = 'Microsoft Software Key Storage Provider'; type = 0 }
$POLL_MILLISECONDS = 250
$EVENT_LOG = 'System'
# The second one is the name of the source where the provider is not registered by its manifest.
$EVENT_PROVIDERS = 'Microsoft-Windows-RasSstp', 'RasSstp'
$EVENT_LIMIT = 64
$EVENT_SECONDS = 20
$SESSIONS_MILLISECONDS = 10000
$MACHINE_KEYSET = 0x20
$ERROR_SERVICE_REQUEST_TIMEOUT = 1053
$ERROR_SERVICE_DATABASE_LOCKED = 1055
$ERROR_SERVICE_ALREADY_RUNNING = 1056
$ERROR_SERVICE_NOT_ACTIVE = 1062
$ERROR_NO_SUCH_LOGON_SESSION = 1312

function ConvertTo-Hex {
    param ([byte[]]$Bytes)
    if ($null -eq $Bytes) { return '' }
    [BitConverter]::ToString($Bytes).Replace('-', '')
}

function ConvertFrom-Hex {
    param ([string]$Text)
    $bytes = [byte[]]::new($Text.Length / 2)
    for ($i = 0; $i -lt $bytes.Length; $i++) { $bytes[$i] = [Convert]::ToByte($Text.Substring(2 * $i, 2), 16) }
    , $bytes
}

function Get-Field {
    param ($Dictionary, [string]$Name, $Default = $null)
    if ($Dictionary.ContainsKey($Name)) { $Dictionary[$Name] } else { $Default }
}

# PowerShell's own comparisons, and the keys of @{}, leave out what a language does not sort by, such as the marks of right-to-left text.
function Test-SameName {
    param ([string]$Left, [string]$Right)
    [string]::Equals($Left, $Right, [StringComparison]::OrdinalIgnoreCase)
}

function Test-SameText {
    param ([string]$Left, [string]$Right)
    [string]::Equals($Left, $Right, [StringComparison]::Ordinal)
}

function New-NameTable {
    [System.Collections.Hashtable]::new([StringComparer]::OrdinalIgnoreCase)
}

function ConvertTo-TimeText {
    param ([DateTime]$Time)
    $Time.ToString('yyyy-MM-ddTHH:mm:ss.fffZ', [System.Globalization.CultureInfo]::InvariantCulture)
}

# --- registry ---------------------------------------------------------------------------------------------------------

function Invoke-WithRegistryKey {
    param ([string]$Path, [switch]$Writable, [switch]$Create, [scriptblock]$Script)
    $base = [Microsoft.Win32.RegistryKey]::OpenBaseKey([Microsoft.Win32.RegistryHive]::LocalMachine, [Microsoft.Win32.RegistryView]::Registry64)
    try {
        $key = if ($Create) { $base.CreateSubKey($Path) } else { $base.OpenSubKey($Path, [bool]$Writable) }
        if ($null -eq $key) { return $null }
        try { & $Script $key } finally { $key.Dispose() }
    }
    finally { $base.Dispose() }
}

function Get-RegistryValue {
    param ([Microsoft.Win32.RegistryKey]$Key, [string]$Name)
    $data = $Key.GetValue($Name, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
    $kind = $Key.GetValueKind($Name).ToString().ToLowerInvariant()
    $value = switch ($kind) {
        # One of another size comes as something else.
        'dword' { if ($data -is [int]) { [BitConverter]::ToUInt32([BitConverter]::GetBytes($data), 0) } else { $null } }
        'qword' { if ($data -is [long]) { $data } else { $null } }
        'multistring' { , @($data) }
        { $_ -in 'binary', 'none' } { ConvertTo-Hex $data }
        { $_ -in 'string', 'expandstring' } { $data }
        # .NET neither reads nor writes the others as they are.
        default { $null }
    }
    @{ kind = $kind; data = $value }
}

# The values of a key as name -> kind and data, or null where there is no such key.
function Get-RegistryKeyValue {
    param ([string]$Path)
    Invoke-WithRegistryKey -Path $Path -Script {
        param ($key)
        $values = New-NameTable
        foreach ($name in $key.GetValueNames()) { $values[$name] = Get-RegistryValue -Key $key -Name $name }
        $values
    }
}

function Get-RegistryFact {
    param ([string]$Path)
    $values = Get-RegistryKeyValue -Path $Path
    if ($null -eq $values) { return $null }
    foreach ($name in @($values.Keys)) {
        $length = Get-DataLength $values[$name].data
        if ($length -gt $VALUE_LIMIT) { $values[$name] = @{ kind = $values[$name].kind; data = $null; length = $length } }
    }
    $values
}

function Get-DataLength {
    param ($Data)
    $length = 0
    foreach ($item in $Data) { if ($item -is [string]) { $length += $item.Length } }
    $length
}

function Find-RegistryValue {
    param ([string]$Path, [string]$Name)
    Invoke-WithRegistryKey -Path $Path -Script {
        param ($key)
        if (@($key.GetValueNames() | Where-Object { Test-SameName $_ $Name })) { Get-RegistryValue -Key $key -Name $Name }
    }
}

# PowerShell 7 makes a DateTime of every text in JSON that looks like one.
function ConvertFrom-JsonTime {
    param ($Data)
    if ($Data -isnot [DateTime]) { return , $Data }
    $Data.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture)
}

function Set-RegistryValue {
    param ([string]$Path, [string]$Name, [string]$Kind, $Data)
    $Data = ConvertFrom-JsonTime $Data
    Invoke-WithRegistryKey -Path $Path -Writable -Create -Script {
        param ($key)
        $value = switch ($Kind) {
            { $_ -in 'binary', 'none' } { ConvertFrom-Hex $Data }
            'dword' { [BitConverter]::ToInt32([BitConverter]::GetBytes([uint32]$Data), 0) }
            'multistring' { , [string[]]@($Data) }
            default { [string]$Data }
        }
        $key.SetValue($Name, $value, [Microsoft.Win32.RegistryValueKind]$Kind)
    }
}

function Remove-RegistryValue {
    param ([string]$Path, [string]$Name)
    Invoke-WithRegistryKey -Path $Path -Writable -Script { param ($key) $key.DeleteValue($Name, $false) }
}

# --- HTTP.SYS ---------------------------------------------------------------------------------------------------------

function ConvertFrom-SslRecord {
    param ($Record)
    @{
        family = $Record.Family.ToString().ToLowerInvariant()
        address = $Record.EndPoint.Address.ToString()
        port = $Record.EndPoint.Port
        host = $Record.Host
        certificate_hash = ConvertTo-Hex $Record.CertificateHash
        app_id = $Record.AppId.ToString('B')
        certificate_store_name = $Record.StoreName
        check_mode = $Record.CheckMode
        revocation_freshness_time = $Record.RevocationFreshnessTime
        url_retrieval_timeout = $Record.UrlRetrievalTimeout
        ctl_identifier = $Record.CtlIdentifier
        ctl_store_name = $Record.CtlStoreName
        flags = $Record.Flags
    }
}

# PowerShell turns a null into an empty string when it sets a property of type string: only what is there is set.
function ConvertTo-SslRecord {
    param ($Fields)
    $record = New-Object -TypeName RrasSstp.SslRecord
    $record.Family = Get-Field $Fields 'family' 'ip'
    $record.EndPoint = New-Object -TypeName System.Net.IPEndPoint -ArgumentList ([System.Net.IPAddress]::Parse($Fields['address'])), ([int]$Fields['port'])
    $record.CertificateHash = ConvertFrom-Hex ([string](Get-Field $Fields 'certificate_hash' ''))
    $record.AppId = [Guid](Get-Field $Fields 'app_id' ([Guid]::Empty.ToString()))
    $record.CheckMode = [uint32](Get-Field $Fields 'check_mode' 0)
    $record.RevocationFreshnessTime = [uint32](Get-Field $Fields 'revocation_freshness_time' 0)
    $record.UrlRetrievalTimeout = [uint32](Get-Field $Fields 'url_retrieval_timeout' 0)
    $record.Flags = [uint32](Get-Field $Fields 'flags' 0)
    $texts = @{ Host = 'host'; StoreName = 'certificate_store_name'; CtlIdentifier = 'ctl_identifier'; CtlStoreName = 'ctl_store_name' }
    foreach ($property in $texts.Keys) {
        $text = Get-Field $Fields $texts[$property]
        if ($null -ne $text) { $record.$property = $text }
    }
    $record
}

function Get-RecordText {
    param ($Fields)
    $names = 'family', 'address', 'port', 'host', 'certificate_hash', 'app_id', 'certificate_store_name', 'check_mode',
    'revocation_freshness_time', 'url_retrieval_timeout', 'ctl_identifier', 'ctl_store_name', 'flags'
    @($names | ForEach-Object { $value = Get-Field $Fields $_; if ($null -eq $value) { '-' } else { '=' + $value } }) -join '|'
}

function Invoke-WithHttp {
    param ([scriptblock]$Script)
    $http = New-Object -TypeName RrasSstp.HttpConfiguration
    try { & $Script $http } finally { $http.Dispose() }
}

function Get-HttpFacet {
    $records = New-Object -TypeName System.Collections.ArrayList
    $unsupported = New-Object -TypeName System.Collections.ArrayList
    Invoke-WithHttp {
        param ($http)
        foreach ($family in 'Ip', 'Sni', 'Ccs') {
            $found = $http.List([RrasSstp.SslFamily]$family)
            if ($null -eq $found) { [void]$unsupported.Add($family.ToLowerInvariant()) }
            foreach ($record in $found) { [void]$records.Add((ConvertFrom-SslRecord $record)) }
        }
    }
    $listen = Find-RegistryValue -Path $HTTP_KEY -Name 'ListenOnlyList'
    $only = @()
    if ($null -ne $listen) { $only = @($listen.data) }
    @{ records = $records; unsupported_families = $unsupported; listen_only = $only }
}

# --- certificates -----------------------------------------------------------------------------------------------------

function Invoke-WithStore {
    param ([string]$Name, [switch]$Writable, [scriptblock]$Script)
    $store = [RrasSstp.MachineStore]::Open($Name, [bool]$Writable)
    if ($null -eq $store) { return }
    try { & $Script $store } finally { $store.Dispose() }
}

function Get-KeyFact {
    param ($Store, $Certificate, [bool]$Prove)
    $key = $Certificate.Key
    $fact = @{
        container = $key.Container
        provider = $key.Provider
        provider_type = $key.ProviderType
        flags = $key.Flags
        key_spec = $key.KeySpec
        acquire_code = $null
        signature = $null
        exportable = $null
        security = $null
    }
    if ($null -eq $Store) { return $fact }
    if (-not $Prove -and $module.Params.untouched_providers -contains $key.Provider) { return $fact }
    $state = $Store.TryAcquire($Certificate.Hash)
    $fact.acquire_code = $state.Code
    $fact.exportable = $state.Exportable
    if ($null -ne $state.Security -and $state.Security.Length -le $VALUE_LIMIT) { $fact.security = $state.Security }
    if ($Prove -and $fact.acquire_code -eq 0 -and $module.Params.challenge) {
        try {
            $signature = $Store.Sign($Certificate.Hash, [Convert]::FromBase64String($module.Params.challenge))
            $fact.signature = @{ algorithm = $signature.Algorithm; data = [Convert]::ToBase64String($signature.Data) }
        }
        catch {
            $code = (Get-ErrorFact $_).code
            $fact.acquire_code = if ($null -eq $code) { -1 } else { $code }
        }
    }
    $fact
}

# A label for people; PowerShell would make an empty text of null for a parameter of type string.
function Get-Beginning {
    param ($Text)
    if ($null -eq $Text -or $Text.Length -le $VALUE_LIMIT) { $Text } else { $Text.Substring(0, $VALUE_LIMIT) }
}

# Without a store its private key is told, but not opened.
function Get-CertificateFact {
    param ($Certificate, $Store, [bool]$Prove)
    $key = $null
    if ($null -ne $Certificate.Key) { $key = Get-KeyFact $Store $Certificate $Prove }
    @{
        thumbprint = ConvertTo-Hex $Certificate.Hash
        raw = [Convert]::ToBase64String($Certificate.RawData)
        friendly_name = Get-Beginning $Certificate.FriendlyName
        key = $key
    }
}

function Get-StoreContent {
    param ([string]$Name, [string[]]$ToProve)
    Invoke-WithStore -Name $Name -Script {
        param ($store)
        foreach ($certificate in $store.List()) { Get-CertificateFact $certificate $store ($ToProve -contains (ConvertTo-Hex $certificate.Hash)) }
    }
}

# The name of a certificate's issuer, as its DER has it, in base64; nothing for one that cannot be parsed or is its own issuer.
function Get-IssuerName {
    param ([byte[]]$RawData)
    try { $parsed = [System.Security.Cryptography.X509Certificates.X509Certificate2]::new($RawData) } catch [System.Security.Cryptography.CryptographicException] { return }
    try {
        $issuer = [Convert]::ToBase64String($parsed.IssuerName.RawData)
        if ($issuer -cne [Convert]::ToBase64String($parsed.SubjectName.RawData)) { $issuer }
    }
    finally { $parsed.Dispose() }
}

# In one of the stores of authorities; subjects are names in base64.
function Find-Authority {
    param ([string]$Name, [string[]]$Thumbprints, [string[]]$Subjects)
    Invoke-WithStore -Name $Name -Script {
        param ($store)
        foreach ($thumbprint in $Thumbprints) { $store.FindByHash((ConvertFrom-Hex $thumbprint)) }
        foreach ($subject in $Subjects) { $store.ListBySubject([Convert]::FromBase64String($subject)) }
    } | Where-Object { $null -ne $_ }
}

# Of CA and ROOT: the certificates that are asked for, and the issuers of these names with what is above them, by names alone.
function Get-AuthorityFacet {
    param ([string[]]$IssuerNames)
    $told = @{}
    foreach ($name in $AUTHORITY_STORES) { $told[$name] = @{} }
    $thumbprints = @($module.Params.authorities)
    for ($step = 0; $step -lt $CHAIN_LIMIT -and ($IssuerNames.Count -or $thumbprints.Count); $step++) {
        $above = New-Object -TypeName System.Collections.ArrayList
        foreach ($name in $AUTHORITY_STORES) {
            foreach ($found in @(Find-Authority -Name $name -Thumbprints $thumbprints -Subjects $IssuerNames)) {
                $told[$name][(ConvertTo-Hex $found.Hash)] = $found
                [void]$above.Add($found)
            }
        }
        $thumbprints = @()
        $IssuerNames = @($above | ForEach-Object { Get-IssuerName $_.RawData } | Select-Object -Unique)
    }
    $told
}

# MY, and each store that a record of the ports names.
function Get-StoreFacet {
    param ([object[]]$Records)
    $toProve = @($module.Params.prove)
    if ($module.Params.prove_bound) { $toProve += @($Records | ForEach-Object { $_.certificate_hash }) }
    $names = @('MY') + @($Records | ForEach-Object { $_.certificate_store_name } | Where-Object { $_ })
    $stores = New-NameTable
    foreach ($name in $names) {
        $upper = $name.ToUpperInvariant()
        if (-not $stores.ContainsKey($upper)) { $stores[$upper] = @(Get-StoreContent -Name $name -ToProve $toProve) }
    }
    $mattering = @($toProve) + @($module.Params.thumbprints)
    $certificates = @($stores.Values | ForEach-Object { $_ } | Where-Object { $mattering -contains $_.thumbprint })
    $issuers = @($module.Params.issuers) + @($certificates | ForEach-Object { Get-IssuerName ([Convert]::FromBase64String($_.raw)) })
    $authorities = Get-AuthorityFacet -IssuerNames @($issuers | Select-Object -Unique)
    foreach ($name in $AUTHORITY_STORES) {
        # One that a record names is told whole already.
        if (-not $stores.ContainsKey($name)) { $stores[$name] = @($authorities[$name].Values | ForEach-Object { Get-CertificateFact $_ }) }
    }
    $stores
}

function Get-ServedFacet {
    param ([int[]]$Ports)
    foreach ($port in $Ports) {
        foreach ($address in '127.0.0.1', '::1') {
            $served = @{ address = $address; port = $port; raw = $null; error = $null }
            try { $served.raw = [Convert]::ToBase64String([RrasSstp.ServedCertificate]::Read($address, $port, 1000 * $module.Params.served_timeout)) }
            catch { $served.error = Get-ErrorFact $_ }
            $served
        }
    }
}

# --- services and the rest --------------------------------------------------------------------------------------------

# ServiceController would ask the service manager one service after the other; the registry tells all dependencies at once.
function Get-DependencyMap {
    Invoke-WithRegistryKey -Path $SERVICES_KEY -Script {
        param ($services)
        $map = New-NameTable
        foreach ($name in $services.GetSubKeyNames()) {
            try { $key = $services.OpenSubKey($name) } catch [System.Security.SecurityException] { continue }
            if ($null -eq $key) { continue }
            try { $map[$name] = @($key.GetValue('DependOnService', @())) } finally { $key.Dispose() }
        }
        $map
    }
}

function Get-ServiceFact {
    param ([string]$Name, [string[]]$DependsOn)
    $controller = New-Object -TypeName System.ServiceProcess.ServiceController -ArgumentList $Name
    try { $state = $controller.Status.ToString().ToLowerInvariant() } catch { $state = 'unknown' } finally { $controller.Dispose() }
    $start = Find-RegistryValue -Path "$SERVICES_KEY\$Name" -Name 'Start'
    $startCode = if ($null -eq $start) { $null } else { $start.data }
    @{ name = $Name; state = $state; start = $startCode; depends_on = @($DependsOn) }
}

# SstpSvc and whatever needs it, directly or not; empty where SstpSvc is not installed.
function Get-ServiceFacet {
    $map = Get-DependencyMap
    $wanted = New-Object -TypeName System.Collections.ArrayList
    if ($map.ContainsKey('SstpSvc')) { [void]$wanted.Add('SstpSvc') }
    for ($i = 0; $i -lt $wanted.Count; $i++) {
        foreach ($name in $map.Keys) {
            $needs = @($map[$name] | Where-Object { Test-SameName $_ $wanted[$i] })
            if ($needs -and -not @($wanted | Where-Object { Test-SameName $_ $name })) { [void]$wanted.Add($name) }
        }
    }
    foreach ($name in $wanted) { Get-ServiceFact -Name $name -DependsOn $map[$name] }
}

# A number that cannot be had is no reason to know nothing of the host.
function Get-SessionFacet {
    try { @{ count = [RrasSstp.VpnSessions]::Count($SESSIONS_MILLISECONDS); error = $null } }
    catch { @{ count = $null; error = Get-ErrorFact $_ } }
}

function Get-AdapterFact {
    try { $adapters = [System.Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() } catch { return }
    foreach ($adapter in $adapters) {
        @{
            name = $adapter.Name
            kind = $adapter.NetworkInterfaceType.ToString().ToLowerInvariant()
            up = $adapter.OperationalStatus -eq [System.Net.NetworkInformation.OperationalStatus]::Up
            ipv4 = $adapter.Supports([System.Net.NetworkInformation.NetworkInterfaceComponent]::IPv4)
            ipv6 = $adapter.Supports([System.Net.NetworkInformation.NetworkInterfaceComponent]::IPv6)
            addresses = @($adapter.GetIPProperties().UnicastAddresses | ForEach-Object { $_.Address.ToString() })
        }
    }
}

function Get-HostFacet {
    $version = Get-RegistryKeyValue -Path 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $fact = @{}
    foreach ($name in 'CurrentBuildNumber', 'UBR', 'ProductName') { $fact[$name] = if ($version.ContainsKey($name)) { $version[$name].data } else { $null } }
    $principal = New-Object -TypeName System.Security.Principal.WindowsPrincipal -ArgumentList ([System.Security.Principal.WindowsIdentity]::GetCurrent())
    @{
        build = $fact.CurrentBuildNumber
        revision = $fact.UBR
        product = $fact.ProductName
        powershell = $PSVersionTable.PSVersion.ToString()
        elevated = $principal.IsInRole([System.Security.Principal.WindowsBuiltInRole]::Administrator)
        time = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ', [System.Globalization.CultureInfo]::InvariantCulture)
        utc_offset = [int][System.DateTimeOffset]::Now.Offset.TotalMinutes
        name = [Environment]::MachineName
        adapters = @(Get-AdapterFact)
    }
}

function Get-SstpFacet {
    @{
        parameters = Get-RegistryFact -Path $SSTP_KEY
        config_store = Get-RegistryFact -Path "$SSTP_KEY\ConfigStore"
    }
}

function Get-ProductFacet {
    @{
        predecessors = Get-RegistryFact -Path "$PRODUCT_KEY\Predecessors"
        before_offload = Get-RegistryFact -Path "$PRODUCT_KEY\BeforeOffload"
        healed = Get-RegistryFact -Path "$PRODUCT_KEY\Healed"
        journal = Get-RegistryFact -Path $JOURNAL_KEY
    }
}

# --- what RRAS itself says --------------------------------------------------------------------------------------------

function Get-Property {
    param ($Object, [string]$Name)
    if ($null -eq $Object -or $null -eq $Object.PSObject.Properties[$Name]) { return $null }
    , $Object.$Name
}

# Windows PowerShell gives an X509Certificate2; PowerShell 7 has it from a session of Windows PowerShell, and gives an array of bytes.
function ConvertTo-RawCertificate {
    param ($Certificate)
    if ($null -eq $Certificate) { return $null }
    $bytes = if ($Certificate -is [System.Security.Cryptography.X509Certificates.X509Certificate2]) { $Certificate.RawData } else { [byte[]]$Certificate }
    if ($bytes.Length) { [Convert]::ToBase64String($bytes) } else { $null }
}

# https://learn.microsoft.com/previous-versions/windows/desktop/ramgmtpsprov/remoteaccess: it lies two objects deep, and is shown as if it were at the top.
function Get-ConnectToAddress {
    param ($RemoteAccess)
    $address = Get-Property $RemoteAccess 'ConnectToAddress'
    if (-not $address) { $address = Get-Property (Get-Property (Get-Property $RemoteAccess 'DAConfiguration') 'ServerConfiguration') 'ConnectToAddress' }
    if ($address) { [string]$address } else { $null }
}

function Get-ClusterNode {
    $nodes = Get-Property (Get-RemoteAccessLoadBalancer -ErrorAction Stop) 'NlbNodeStatus'
    foreach ($node in $nodes) {
        @{ name = [string](Get-Property $node 'HostName'); status = [string](Get-Property $node 'StatusCode') }
    }
}

# What IKEv2 clients are shown: https://learn.microsoft.com/powershell/module/remoteaccess/get-vpnauthprotocol
function Get-AdvertisedCertificate {
    try { ConvertTo-RawCertificate (Get-Property (Get-VpnAuthProtocol -ErrorAction Stop) 'CertificateAdvertised') } catch { $null }
}

function Read-RemoteAccess {
    $found = Get-RemoteAccess -ErrorAction Stop
    $fact = @{
        available = $true
        ssl_certificate = ConvertTo-RawCertificate (Get-Property $found 'SslCertificate')
        use_http = Get-Property $found 'UseHttp'
        connect_to = Get-ConnectToAddress $found
        nodes = @()
        error = $null
    }
    $texts = @{ vpn_status = 'VpnStatus'; da_status = 'DAStatus'; load_balancing = 'LoadBalancing' }
    foreach ($name in $texts.Keys) { $text = Get-Property $found $texts[$name]; $fact[$name] = if ($null -ne $text) { [string]$text } else { $null } }
    if ($fact.load_balancing -eq 'Configured') { $fact.nodes = @(Get-ClusterNode) }
    $fact.advertised = Get-AdvertisedCertificate
    $fact
}

function Get-RemoteAccessFacet {
    $none = @{
        available = $true; ssl_certificate = $null; use_http = $null; connect_to = $null; nodes = @(); error = $null
        vpn_status = $null; da_status = $null; load_balancing = $null; advertised = $null
    }
    try { Read-RemoteAccess }
    catch [System.Management.Automation.CommandNotFoundException] { $none.available = $false; $none }
    catch { $none.error = Get-ErrorFact $_; $none }
}

function Test-RemoteAccessWanted {
    $conditions = $module.Params.remote_access_when
    -not $conditions.Count -or [bool]@($conditions | Where-Object { Test-Condition $_ })
}

# --- keys -------------------------------------------------------------------------------------------------------------

function Get-ReferenceList {
    param ([string]$Name, $Store)
    if ($null -eq $Store) { return }
    try {
        foreach ($certificate in $Store.List()) {
            $key = $certificate.Key
            if ($null -eq $key) { continue }
            @{
                store = $Name.ToUpperInvariant()
                thumbprint = ConvertTo-Hex $certificate.Hash
                container = $key.Container
                provider = $key.Provider
                provider_type = $key.ProviderType
                flags = $key.Flags
            }
        }
    }
    finally { $Store.Dispose() }
}

function Get-SubKeyList {
    param ([string]$Path)
    # Where there is no such key a null would count as a name.
    Invoke-WithRegistryKey -Path $Path -Script { param ($key) $key.GetSubKeyNames() } | Where-Object { $null -ne $_ }
}

# What a script gives before it fails; why it fails goes to the list.
function Invoke-Reading {
    param ($Errors, [scriptblock]$Script)
    try { & $Script } catch { [void]$Errors.Add((Get-ErrorFact $_)) }
}

# Which certificate names which key container, and which containers there are. What cannot be read is told; no key is opened.
function Get-KeyFacet {
    $errors = New-Object -TypeName System.Collections.ArrayList
    $containers = New-Object -TypeName System.Collections.ArrayList
    $truncated = $false
    $references = @(
        foreach ($name in Invoke-Reading $errors { Get-SubKeyList $SYSTEM_STORES_KEY }) {
            Invoke-Reading $errors { Get-ReferenceList $name ([RrasSstp.MachineStore]::Open($name, $false)) }
        }
        foreach ($service in Invoke-Reading $errors { Get-SubKeyList $SERVICE_STORES_KEY }) {
            foreach ($store in Invoke-Reading $errors { Get-SubKeyList "$SERVICE_STORES_KEY\$service\SystemCertificates" }) {
                Invoke-Reading $errors { Get-ReferenceList "$service\$store" ([RrasSstp.MachineStore]::OpenOfService("$service\$store")) }
            }
        }
    )
    foreach ($provider in $KEY_PROVIDERS) {
        $found = @(Invoke-Reading $errors { [RrasSstp.KeyContainers]::List($provider.name, $provider.type, $CONTAINER_LIMIT) })
        if ($found.Count -gt $CONTAINER_LIMIT) { $truncated = $true }
        foreach ($container in @($found | Select-Object -First $CONTAINER_LIMIT)) {
            [void]$containers.Add(@{ provider = $provider.name; provider_type = $provider.type; container = $container })
        }
    }
    @{ references = $references; containers = $containers; truncated = $truncated; errors = $errors }
}

# --- mentions ---------------------------------------------------------------------------------------------------------

function Get-MentionFacet {
    $places = @($module.Params.places)
    $thumbprints = @($module.Params.thumbprints)
    if ($places.Count) {
        $thumbprints += @(Invoke-WithStore -Name 'MY' -Script { param ($store) $store.List() | ForEach-Object { ConvertTo-Hex $_.Hash } })
    }
    $search = New-Object -TypeName RrasSstp.MentionSearch -ArgumentList (, [string[]]$thumbprints)
    for ($i = 0; $i -lt $places.Count; $i++) {
        $kind = [string](Get-Field $places[$i] 'kind')
        $path = [string](Get-Field $places[$i] 'path')
        $found = switch ($kind) {
            'registry' { $search.InRegistry($path) }
            'file' { $search.InFile($path) }
            default { throw "There is no place of the kind '$kind'." }
        }
        foreach ($mention in $found) {
            $problem = if ($null -ne $mention.Exception) { Get-ErrorFact $mention } else { $null }
            @{ place = $i; where = $mention.Where; thumbprint = $mention.Thumbprint; error = $problem }
        }
    }
}

# --- events -----------------------------------------------------------------------------------------------------------

function Get-EventQuery {
    param ([string]$Since)
    $conditions = @('Provider[' + (@($EVENT_PROVIDERS | ForEach-Object { "@Name='$_'" }) -join ' or ') + ']')
    if ($Since) {
        $styles = [System.Globalization.DateTimeStyles]'AdjustToUniversal, AssumeUniversal'
        # With PowerShell 7 under an older core a time in JSON becomes a DateTime, which Ansible.Basic writes as the host's language has it.
        $culture = [System.Globalization.CultureInfo]::CurrentCulture
        if ($Since -match '^\d{4}-\d\d-\d\dT') { $culture = [System.Globalization.CultureInfo]::InvariantCulture }
        $time = [DateTime]::Parse($Since, $culture, $styles)
        $conditions += "TimeCreated[@SystemTime>='$(ConvertTo-TimeText $time)']"
    }
    $text = '*[System[' + ($conditions -join ' and ') + ']]'
    $query = [System.Diagnostics.Eventing.Reader.EventLogQuery]::new($EVENT_LOG, [System.Diagnostics.Eventing.Reader.PathType]::LogName, $text)
    $query.ReverseDirection = $true
    $query
}

# The newest events of SSTP as XML. A log that cannot be read is no reason to know nothing of the host.
function Get-EventFacet {
    $records = New-Object -TypeName System.Collections.ArrayList
    $problem = $null
    try {
        $reader = [System.Diagnostics.Eventing.Reader.EventLogReader]::new((Get-EventQuery $module.Params.events_since))
        try {
            while ($records.Count -lt $EVENT_LIMIT) {
                $record = $reader.ReadEvent([TimeSpan]::FromSeconds($EVENT_SECONDS))
                if ($null -eq $record) { break }
                try { [void]$records.Add($record.ToXml()) } finally { $record.Dispose() }
            }
        }
        finally { $reader.Dispose() }
    }
    catch { $problem = Get-ErrorFact $_ }
    @{ records = $records; error = $problem }
}

# --- observe ----------------------------------------------------------------------------------------------------------

# Win32 code and function of an error where it has them, whatever it is wrapped in.
function Get-ErrorFact {
    param ($ErrorRecord)
    $exception = $ErrorRecord.Exception
    $fact = @{ function = $null; code = $null; message = $exception.Message }
    while ($null -ne $exception) {
        $fact.message = $exception.Message
        if ($exception -is [System.ComponentModel.Win32Exception]) {
            $fact.code = $exception.NativeErrorCode
            if (@($exception.PSObject.Properties.Name) -contains 'Function') { $fact.function = $exception.Function }
            break
        }
        if ($exception -is [System.UnauthorizedAccessException] -or $exception -is [System.Security.SecurityException]) { $fact.code = 5 }
        $exception = $exception.InnerException
    }
    $fact
}

function Get-Port {
    if ($module.Params.ports.Count) { return @($module.Params.ports) }
    $listener = Find-RegistryValue -Path $SSTP_KEY -Name 'ListenerPort'
    # SstpSvc has its default for what is no port.
    $isPort = $null -ne $listener -and $listener.kind -eq 'dword' -and $listener.data -gt 0 -and $listener.data -le 65535
    @($(if ($isPort) { [int]$listener.data } else { 443 }))
}

function Get-Fact {
    param ([string[]]$Facets)
    $ports = @(Get-Port)
    $facts = @{ ports = $ports }
    $records = @()
    if ($Facets -contains 'http') {
        $facts.http = Get-HttpFacet
        $records = @($facts.http.records | Where-Object { $ports -contains $_.port })
    }
    if ($Facets -contains 'sstp') { $facts.sstp = Get-SstpFacet }
    if ($Facets -contains 'services') { $facts.services = @(Get-ServiceFacet) }
    if ($Facets -contains 'stores') { $facts.stores = Get-StoreFacet -Records $records }
    if ($Facets -contains 'served') { $facts.served = @(Get-ServedFacet -Ports $ports) }
    if ($Facets -contains 'host') { $facts.host = Get-HostFacet }
    if ($Facets -contains 'product') { $facts.product = Get-ProductFacet }
    if ($Facets -contains 'sessions') { $facts.sessions = Get-SessionFacet }
    if ($Facets -contains 'remote_access') { $facts.remote_access = if (Test-RemoteAccessWanted) { Get-RemoteAccessFacet } else { $null } }
    if ($Facets -contains 'keys') { $facts.keys = Get-KeyFacet }
    if ($Facets -contains 'mentions') { $facts.mentions = @(Get-MentionFacet) }
    if ($Facets -contains 'events') { $facts.events = Get-EventFacet }
    $facts
}

# What a plan on these facts may touch, as one digest: the records of its ports, the values of SstpSvc, the named certificates.
function Get-StateId {
    param ($Facts)
    $lines = New-Object -TypeName 'System.Collections.Generic.List[string]'
    if ($Facts.ContainsKey('http')) {
        foreach ($record in $Facts.http.records) { if ($Facts.ports -contains $record.port) { $lines.Add('http|' + (Get-RecordText $record)) } }
    }
    if ($Facts.ContainsKey('sstp')) {
        $keys = @{ sstp = $Facts.sstp.parameters; config = $Facts.sstp.config_store }
        foreach ($key in $keys.Keys) {
            if ($null -eq $keys[$key]) { continue }
            foreach ($name in $keys[$key].Keys) {
                $value = $keys[$key][$name]
                $data = if ($null -eq $value.data) { [string](Get-Field $value 'length') } else { @($value.data) -join '|' }
                $lines.Add($key + '|' + $name.ToUpperInvariant() + '|' + $value.kind + '|' + $data)
            }
        }
    }
    if ($Facts.ContainsKey('stores')) {
        foreach ($store in $Facts.stores.Keys) {
            foreach ($certificate in $Facts.stores[$store]) {
                if ($module.Params.thumbprints -notcontains $certificate.thumbprint) { continue }
                $container = if ($null -eq $certificate.key) { '' } else { $certificate.key.container }
                $lines.Add('certificate|' + $store + '|' + $certificate.thumbprint + '|' + $container)
            }
        }
    }
    $lines.Sort([System.StringComparer]::Ordinal)
    $sha256 = [System.Security.Cryptography.SHA256]::Create()
    try { (ConvertTo-Hex $sha256.ComputeHash([System.Text.Encoding]::UTF8.GetBytes(($lines -join "`n")))).ToLowerInvariant() } finally { $sha256.Dispose() }
}

# --- primitive changes ------------------------------------------------------------------------------------------------

function Find-Record {
    param ($Change)
    Invoke-WithHttp { param ($http) $found = $http.Find((ConvertTo-SslRecord $Change)); if ($null -ne $found) { ConvertFrom-SslRecord $found } }
}

function Test-Certificate {
    param ($Change)
    $hash = ConvertFrom-Hex $Change['thumbprint']
    $found = Invoke-WithStore -Name $Change['store'] -Script { param ($store) $store.FindByHash($hash) }
    $null -ne $found
}

function Test-CertificateKey {
    param ($Change)
    $hash = ConvertFrom-Hex $Change['thumbprint']
    (Invoke-WithStore -Name $Change['store'] -Script { param ($store) $store.TryAcquire($hash).Code }) -eq 0
}

function Test-KeyContainer {
    param ($Change)
    $found = [RrasSstp.KeyContainers]::List($Change['provider'], $Change['provider_type'], [int]::MaxValue - 1)
    [bool]@($found | Where-Object { Test-SameName $_ $Change['container'] })
}

function Get-ServiceState {
    param ([string]$Name)
    $controller = New-Object -TypeName System.ServiceProcess.ServiceController -ArgumentList $Name
    try { $controller.Status.ToString().ToLowerInvariant() } finally { $controller.Dispose() }
}

# Would the change alter anything on the host as it is now?
function Test-Change {
    param ($Change)
    switch ($Change['kind']) {
        'set_ssl_record' {
            $current = Find-Record $Change
            $null -eq $current -or -not (Test-SameText (Get-RecordText $current) (Get-RecordText (ConvertFrom-SslRecord (ConvertTo-SslRecord $Change))))
        }
        'delete_ssl_record' { $null -ne (Find-Record $Change) }
        'set_registry_value' {
            $current = Find-RegistryValue -Path $Change['path'] -Name $Change['name']
            if ($null -eq $current) { return $true }
            if (Get-Field $Change 'only_if_absent' $false) { return $false }
            $wanted = @(ConvertFrom-JsonTime $Change['data'])
            $current.kind -ne $Change['value_kind'] -or @($current.data).Count -ne $wanted.Count -or
            -not (Test-SameText (@($current.data) -join '|') ($wanted -join '|'))
        }
        'delete_registry_value' { $null -ne (Find-RegistryValue -Path $Change['path'] -Name $Change['name']) }
        'import_pfx' { (Get-Field $Change 'replace' $false) -or -not (Test-Certificate $Change) }
        'import_certificate' { -not (Test-Certificate $Change) }
        'delete_key' { Test-KeyContainer $Change }
        'bring_back_key' { -not (Test-KeyContainer $Change) }
        'delete_certificate' { Test-Certificate $Change }
        'bring_back_certificate' { -not (Test-Certificate $Change) -or ($Change['usable'] -and -not (Test-CertificateKey $Change)) }
        'services' { [bool]@($Change['states'] | Where-Object { (Get-ServiceState $_['name']) -ne $_['state'] }) }
        'set_remote_access' { [string](Get-RemoteAccessThumbprint) -ne $Change['thumbprint'] }
        { $_ -in 'await', 'hold' } { $false }
        default { throw "There is no change of the kind '$($Change['kind'])'." }
    }
}

# The change that takes this one back, from what is there now; null where there is none.
function Get-Inverse {
    param ($Change)
    switch ($Change['kind']) {
        { $_ -in 'set_ssl_record', 'delete_ssl_record' } {
            $current = Find-Record $Change
            if ($null -ne $current) { return $current + @{ kind = 'set_ssl_record' } }
            return @{ kind = 'delete_ssl_record'; family = (Get-Field $Change 'family' 'ip'); address = $Change['address']; port = $Change['port']; host = (Get-Field $Change 'host') }
        }
        { $_ -in 'set_registry_value', 'delete_registry_value' } {
            $current = Find-RegistryValue -Path $Change['path'] -Name $Change['name']
            $inverse = @{ kind = 'delete_registry_value'; path = $Change['path']; name = $Change['name'] }
            if ($null -ne $current -and ($null -eq $current.data -or (Get-DataLength $current.data) -gt $VALUE_LIMIT)) {
                throw "The value $($Change['name']) is too long, or of a type that cannot be put back."
            }
            if ($null -ne $current) { $inverse += @{ value_kind = $current.kind; data = $current.data }; $inverse.kind = 'set_registry_value' }
            return $inverse
        }
        'import_pfx' {
            if (Test-Certificate $Change) { return }
            return @{ kind = 'delete_certificate'; store = $Change['store']; thumbprint = $Change['thumbprint']; with_key = $true }
        }
        'import_certificate' {
            if (Test-Certificate $Change) { return }
            return @{ kind = 'delete_certificate'; store = $Change['store']; thumbprint = $Change['thumbprint']; with_key = $false }
        }
        'delete_key' {
            return @{ kind = 'bring_back_key'; container = $Change['container']; provider = $Change['provider']; provider_type = $Change['provider_type'] }
        }
        'delete_certificate' {
            return @{ kind = 'bring_back_certificate'; store = $Change['store']; thumbprint = $Change['thumbprint']; usable = (Test-CertificateKey $Change) }
        }
        'set_remote_access' {
            return @{ kind = 'set_remote_access'; thumbprint = [string](Get-RemoteAccessThumbprint) }
        }
        'hold' { return Get-Inverse $Change['of'] }
        'services' {
            $states = @(foreach ($wanted in $Change['states']) {
                    $found = Get-ServiceState $wanted['name']
                    @{ name = $wanted['name']; state = $(if ($found -in 'stopped', 'stoppending') { 'stopped' } else { 'running' }) }
                })
            [array]::Reverse($states)
            # One that was dead below another that ran takes that with it when it is stopped.
            $states = @($states | Where-Object { $_.state -eq 'stopped' }) + @($states | Where-Object { $_.state -eq 'running' })
            return @{ kind = 'services'; states = $states; timeout = $Change['timeout']; each = $true }
        }
    }
}

function Get-RemoteAccessThumbprint {
    $raw = (Get-RemoteAccessFacet).ssl_certificate
    if (-not $raw) { return }
    $sha1 = [System.Security.Cryptography.SHA1]::Create()
    try { ConvertTo-Hex $sha1.ComputeHash([Convert]::FromBase64String($raw)) } finally { $sha1.Dispose() }
}

# https://learn.microsoft.com/powershell/module/remoteaccess/set-remoteaccess: it takes the certificate as an object of .NET, from LocalMachine\My.
function Invoke-SetRemoteAccess {
    param ($Change)
    if (-not $Change['thumbprint']) { throw 'RRAS had no certificate before, and cannot be told so.' }
    $location = [System.Security.Cryptography.X509Certificates.StoreLocation]::LocalMachine
    $store = [System.Security.Cryptography.X509Certificates.X509Store]::new('My', $location)
    try {
        $store.Open([System.Security.Cryptography.X509Certificates.OpenFlags]::ReadOnly)
        $certificate = $store.Certificates | Where-Object { $_.Thumbprint -eq $Change['thumbprint'] }
        if ($null -eq $certificate) { throw "The certificate $($Change['thumbprint']) is not in LocalMachine\My." }
        $null = Set-RemoteAccess -SslCertificate $certificate -Force -ErrorAction Stop
        $read = Get-RemoteAccessThumbprint
        if ($read -and $read -ne $Change['thumbprint']) { throw "Set-RemoteAccess took the certificate, but RRAS still has $read." }
    }
    catch [System.Management.Automation.CommandNotFoundException] { throw 'There is no cmdlet Set-RemoteAccess on this host.' }
    finally { $store.Close() }
}

function Invoke-SetSslRecord {
    param ($Change)
    $wanted = ConvertTo-SslRecord $Change
    $atomic = Invoke-WithHttp { param ($http) $http.Replace($wanted) }
    $read = Find-Record $Change
    if ($null -eq $read -or -not (Test-SameText (Get-RecordText $read) (Get-RecordText (ConvertFrom-SslRecord $wanted)))) {
        throw 'HTTP.SYS took the record but does not give it back as it was set.'
    }
    @{ atomic = $atomic }
}

function Wait-Service {
    param ($Controller, [string[]]$States, [TimeSpan]$Patience)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $Controller.Refresh()
        $status = $Controller.Status.ToString().ToLowerInvariant()
        if ($States -contains $status) { return $status }
        if ($watch.Elapsed -ge $Patience) { throw (New-Object -TypeName System.ComponentModel.Win32Exception -ArgumentList $ERROR_SERVICE_REQUEST_TIMEOUT) }
        [System.Threading.Thread]::Sleep($POLL_MILLISECONDS)
    }
}

# Control requests are refused while a service is on its way between two states, and RRAS can take long: such a service is waited for first.
function Set-ServiceState {
    param ($Controller, [string]$State, [TimeSpan]$Patience)
    $resting = 'running', 'stopped', 'paused'
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $status = Wait-Service $Controller $resting $Patience
        try {
            if ($State -eq 'stopped') { if ($status -ne 'stopped') { $Controller.Stop() } }
            elseif ($status -eq 'paused') { $Controller.Continue() }
            elseif ($status -ne 'running') { $Controller.Start() }
            break
        }
        catch {
            $code = (Get-ErrorFact $_).code
            if ($code -in $ERROR_SERVICE_ALREADY_RUNNING, $ERROR_SERVICE_NOT_ACTIVE) { break }
            if ($code -ne $ERROR_SERVICE_DATABASE_LOCKED -or $watch.Elapsed -ge $Patience) { throw }
        }
        [System.Threading.Thread]::Sleep($POLL_MILLISECONDS)
    }
    $ends = if ($State -eq 'running') { $resting } else { 'stopped' }
    $settled = Wait-Service $Controller $ends $Patience
    if ($settled -ne $State) { throw "The service $($Controller.ServiceName) is $settled again; the System log may say why." }
}

function Invoke-Service {
    param ($Change)
    $first = $null
    foreach ($wanted in $Change['states']) {
        $controller = New-Object -TypeName System.ServiceProcess.ServiceController -ArgumentList $wanted['name']
        try { Set-ServiceState $controller $wanted['state'] ([TimeSpan]::FromSeconds($Change['timeout'])) }
        catch { if (-not (Get-Field $Change 'each' $false)) { throw }; if ($null -eq $first) { $first = $_ } }
        finally { $controller.Dispose() }
    }
    if ($null -ne $first) { throw $first }
}

function Test-Condition {
    param ($Condition)
    switch ($Condition['kind']) {
        'registry_value' {
            $value = Find-RegistryValue -Path $Condition['path'] -Name $Condition['name']
            $null -ne $value -and $value.kind -eq $Condition['value_kind'] -and $value.data -eq $Condition['data']
        }
        'service' { (Get-ServiceState $Condition['name']) -eq $Condition['state'] }
        'served' {
            $sha1 = [System.Security.Cryptography.SHA1]::Create()
            try {
                $raw = [RrasSstp.ServedCertificate]::Read($Condition['address'], $Condition['port'], 1000 * $module.Params.served_timeout)
                (ConvertTo-Hex $sha1.ComputeHash($raw)) -eq $Condition['thumbprint']
            }
            catch { $false }
            finally { $sha1.Dispose() }
        }
        default { throw "There is no condition of the kind '$($Condition['kind'])'." }
    }
}

function Invoke-Await {
    param ($Change)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while ($true) {
        $unmet = @($Change['conditions'] | Where-Object { -not (Test-Condition $_) })
        if (-not $unmet) { break }
        if ($watch.Elapsed.TotalSeconds -ge $Change['timeout']) {
            if (-not $Change['required']) { break }
            $text = @($unmet | ForEach-Object { $_['text'] }) -join '; '
            throw "After $($Change['timeout']) seconds this still did not hold: $text."
        }
        [System.Threading.Thread]::Sleep($POLL_MILLISECONDS)
    }
    @{ unmet = @($unmet | ForEach-Object { $_['text'] }) }
}

function Invoke-Change {
    param ($Change)
    switch ($Change['kind']) {
        'set_ssl_record' { Invoke-SetSslRecord $Change }
        'delete_ssl_record' { Invoke-WithHttp { param ($http) $http.Delete((ConvertTo-SslRecord $Change)) } }
        'set_registry_value' { Set-RegistryValue -Path $Change['path'] -Name $Change['name'] -Kind $Change['value_kind'] -Data $Change['data'] }
        'delete_registry_value' { Remove-RegistryValue -Path $Change['path'] -Name $Change['name'] }
        'import_pfx' {
            $pfx = [Convert]::FromBase64String($module.Params.pfx)
            $hash = ConvertFrom-Hex $Change['thumbprint']
            $provider = [string](Get-Field $Change 'key_provider' 'default')
            if ($provider -notin 'default', 'cng') { throw "There is no key provider '$provider'." }
            Invoke-WithStore -Name $Change['store'] -Writable -Script {
                param ($store)
                $store.Import($pfx, $module.Params.pfx_password, $hash, [bool]$Change['exportable'], [string]$Change['friendly_name'], $provider -eq 'cng')
            }
            if (-not (Test-Certificate $Change)) { throw 'Windows imported the certificate, but it is not in the store.' }
        }
        'import_certificate' {
            $raw = [Convert]::FromBase64String($Change['raw'])
            $sha1 = [System.Security.Cryptography.SHA1]::Create()
            try { $thumbprint = ConvertTo-Hex $sha1.ComputeHash($raw) } finally { $sha1.Dispose() }
            if ($thumbprint -ne $Change['thumbprint']) { throw 'The certificate is not that of the thumbprint.' }
            Invoke-WithStore -Name $Change['store'] -Writable -Script { param ($store) $store.Add($raw) }
            if (-not (Test-Certificate $Change)) { throw 'Windows imported the certificate, but it is not in the store.' }
        }
        'delete_key' {
            $location = New-Object -TypeName RrasSstp.KeyLocation
            $location.Container = $Change['container']
            $location.Provider = $Change['provider']
            $location.ProviderType = $Change['provider_type']
            $location.Flags = $MACHINE_KEYSET
            [RrasSstp.MachineStore]::DeleteKey($location)
        }
        'bring_back_key' { throw 'A certificate or private key that was deleted cannot be brought back.' }
        'delete_certificate' {
            Invoke-WithStore -Name $Change['store'] -Writable -Script { param ($store) $store.Delete((ConvertFrom-Hex $Change['thumbprint']), [bool]$Change['with_key']) }
            if (Test-Certificate $Change) { throw 'Windows deleted the certificate, but it is still in the store.' }
        }
        'bring_back_certificate' { throw 'A certificate or private key that was deleted cannot be brought back.' }
        'set_remote_access' { Invoke-SetRemoteAccess $Change }
        'services' { Invoke-Service $Change }
        'await' { Invoke-Await $Change }
    }
}

# --- the transaction --------------------------------------------------------------------------------------------------

function Write-Journal {
    param ([int]$Index, $Inverse)
    if ($null -eq $Inverse) { return }
    if ($null -eq (Get-RegistryKeyValue -Path $JOURNAL_KEY)) { New-Journal }
    Set-RegistryValue -Path $JOURNAL_KEY -Name ('{0:D4}' -f $Index) -Kind 'string' -Data (ConvertTo-Json -InputObject $Inverse -Compress -Depth 6)
    # Records and journal lie in different hives: without this, a reset could keep the change and lose its inverse.
    [void](Invoke-WithRegistryKey -Path $JOURNAL_KEY -Writable -Script { param ($key) $key.Flush() })
}

function New-Journal {
    [void](Invoke-WithRegistryKey -Path $JOURNAL_KEY -Writable -Create -Script {
            param ($key)
            $check = [Microsoft.Win32.RegistryKeyPermissionCheck]::Default
            $key.CreateSubKey($JOURNAL_BOOT, $check, [Microsoft.Win32.RegistryOptions]::Volatile).Dispose()
            if ($module.Params.transaction) { $key.SetValue($JOURNAL_OWNER, $module.Params.transaction) }
        })
}

function Clear-Journal {
    [void](Invoke-WithRegistryKey -Path $PRODUCT_KEY -Writable -Script { param ($key) $key.DeleteSubKeyTree('Journal', $false) })
    [void](Invoke-WithRegistryKey -Path 'SOFTWARE' -Writable -Script {
            param ($key)
            $product = $key.OpenSubKey('rras.sstp')
            if ($null -eq $product) { return }
            try { $empty = $product.SubKeyCount -eq 0 -and $product.ValueCount -eq 0 } finally { $product.Dispose() }
            if ($empty) { $key.DeleteSubKey('rras.sstp', $false) }
        })
}

function ConvertTo-Dictionary {
    param ($Value)
    if ($Value -is [System.Management.Automation.PSCustomObject]) {
        $table = @{}
        foreach ($property in $Value.PSObject.Properties) { $table[$property.Name] = ConvertTo-Dictionary $property.Value }
        return $table
    }
    if ($Value -is [object[]]) { return , @($Value | ForEach-Object { ConvertTo-Dictionary $_ }) }
    $Value
}

function ConvertFrom-JournalEntry {
    param ($Data)
    $inverse = if ($Data -is [string]) { ConvertTo-Dictionary (ConvertFrom-Json -InputObject $Data) }
    if ($inverse -isnot [System.Collections.IDictionary]) { throw 'The entry is no inverse of a change.' }
    $inverse
}

# Can this inverse never be carried out? HTTP.SYS does not take a record again whose certificate was not usable even before, and RRAS no
# certificate that is not in the store; that it had none cannot be said to it at all. And what was deleted is gone with its key.
function Test-Lost {
    param ($Inverse, $Code)
    switch ($Inverse['kind']) {
        'set_ssl_record' { $Code -eq $ERROR_NO_SUCH_LOGON_SESSION }
        { $_ -in 'bring_back_certificate', 'bring_back_key' } { $true }
        'set_remote_access' { -not (Test-Certificate @{ store = 'MY'; thumbprint = $Inverse['thumbprint'] }) }
        default { $false }
    }
}

# Runs the inverses of the journal, the last one first. What cannot be undone is reported, and keeps the journal there unless it is lost.
# Rebooted: the host was started anew in the middle of the change. Its services have read what was half done, so they do not run while it is taken back.
function Invoke-Undo {
    param ([bool]$Rebooted = $false)
    $running, $named, $errors = $null, @(), @()
    $undone = New-Object -TypeName System.Collections.ArrayList
    $stuck = New-Object -TypeName System.Collections.ArrayList
    $lost = New-Object -TypeName System.Collections.ArrayList
    $unsaid = $null
    $journal = Get-RegistryKeyValue -Path $JOURNAL_KEY
    $names = if ($null -eq $journal) { @() } else { @($journal.Keys | Where-Object { -not (Test-SameName $_ $JOURNAL_OWNER) } | Sort-Object -Descending) }
    foreach ($name in $names) {
        $inverse = @{ kind = 'unreadable' }
        $kept = $false
        $index = if ($name -match '^[0-9]{4}$') { [int]$name } else { $null }
        try {
            $inverse = ConvertFrom-JournalEntry $journal[$name].data
            if ($inverse['kind'] -eq 'services') { $named += @($inverse['states'] | ForEach-Object { $_['name'] }) }
            if (Test-Change $inverse) {
                if ($Rebooted -and $null -eq $running -and $inverse['kind'] -ne 'services') {
                    $running = @(Get-ServiceFacet | Where-Object { $_.state -eq 'running' } | ForEach-Object { $_.name })
                    $down = $running.Clone()
                    [array]::Reverse($down)
                    $errors += @(Invoke-ServiceAnyhow $down 'stopped')
                }
                [void](Invoke-Change $inverse)
            }
            [void]$undone.Add(@{ index = $index; kind = $inverse['kind'] })
        }
        catch {
            $why = Get-ErrorFact $_
            $entry = @{ index = $index; kind = $inverse['kind']; error = $why }
            $kept = $true
            if (Test-Lost $inverse $why.code) { [void]$lost.Add($entry); if ($inverse['kind'] -eq 'set_remote_access') { $unsaid = $inverse } }
            else { [void]$stuck.Add($entry) }
        }
        # Behind a stuck one everything stays in the journal: undoing again must go through the same states in the same order. What is lost stays
        # until the end, so that an undo that is itself interrupted does not forget to tell it.
        if ($stuck.Count -eq 0 -and -not $kept) { Remove-RegistryValue -Path $JOURNAL_KEY -Name $name }
    }
    # RRAS may say what it said before when the values that it goes by are back.
    if ($null -ne $unsaid -and -not (Test-Change $unsaid)) { $lost = @($lost | Where-Object { $_.kind -ne 'set_remote_access' }) }
    if ($stuck.Count -eq 0) { Clear-Journal }
    if ($null -ne $running) { $errors += @(Invoke-ServiceAnyhow @($running | Where-Object { $named -notcontains $_ }) 'running') }
    @{ undone = $undone; not_undone = @($stuck) + @($lost) + $errors; again = [bool]$stuck.Count; restarted = $null -ne $running }
}

# A change may hang on earlier ones: it is skipped unless one of those that it names has changed something.
function Test-Guard {
    param ($Change, $Done)
    $guard = Get-Field $Change 'when_changed'
    if ($null -eq $guard) { return $true }
    @($guard | Where-Object { $Done[$_].changed }).Count -gt 0
}

function Invoke-ChangeList {
    param ($Changes)
    $done = New-Object -TypeName System.Collections.ArrayList
    $failure = $null
    foreach ($change in $Changes) {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $entry = @{
            index = $done.Count
            kind = [string](Get-Field $change 'kind')
            time = ConvertTo-TimeText ([DateTime]::UtcNow)
            changed = $false
            skipped = $false
            detail = $null
            milliseconds = 0
        }
        [void]$done.Add($entry)
        try {
            if (-not (Test-Guard $change $done)) { $entry.skipped = $true; continue }
            $entry.changed = [bool](Test-Change $change)
            if ($module.CheckMode) { continue }
            # That a value was absent is kept as well: the service may write it before the undo.
            $kept = $entry.changed -or $entry.kind -in 'delete_registry_value', 'hold'
            if ($kept -and (Get-Field $change 'undo' $true)) { Write-Journal -Index $entry.index -Inverse (Get-Inverse $change) }
            if ($entry.changed -or $entry.kind -eq 'await') { $detail = Invoke-Change $change; if ($null -ne $detail) { $entry.detail = $detail } }
        }
        catch {
            $failure = @{ index = $entry.index; kind = $entry.kind; error = Get-ErrorFact $_ }
            $entry.changed = $false
            break
        }
        finally { $entry.milliseconds = $watch.ElapsedMilliseconds }
    }
    @{ done = $done; failure = $failure }
}

# The answer to a change may be lost on its way. It is kept for whoever asks again: its outcome, and all of it as JSON. An id that is kept is over: a
# process that starts late, behind a connection that broke, must not begin with it any more.
function Save-Transaction {
    param ([string]$Id, [string]$Outcome)
    if (-not $Id -or $module.CheckMode) { return }
    $answer = @{ outcome = $Outcome }
    foreach ($name in 'changed', 'changes', 'failure', 'undone', 'not_undone') { $answer[$name] = $module.Result[$name] }
    Set-RegistryValue -Path $TRANSACTIONS_KEY -Name $Id -Kind 'multistring' -Data @($Outcome, (ConvertTo-Json -InputObject $answer -Compress -Depth 6))
    [void](Invoke-WithRegistryKey -Path $TRANSACTIONS_KEY -Writable -Script {
            param ($key)
            $names = @($key.GetValueNames() | Sort-Object)
            for ($i = 0; $i -lt $names.Count - $TRANSACTION_LIMIT; $i++) { $key.DeleteValue($names[$i], $false) }
        })
}

function Get-Transaction {
    param ([string]$Id)
    if (-not $Id) { return }
    $kept = Find-RegistryValue -Path $TRANSACTIONS_KEY -Name $Id
    if ($null -ne $kept) { @{ outcome = $kept.data[0]; answer = $kept.data[1] } }
}

# What does not work is an entry of not_undone: no change of the journal is behind it.
function Invoke-ServiceAnyhow {
    param ([string[]]$Names, [string]$State)
    $states = @($Names | Where-Object { $_ } | ForEach-Object { @{ name = $_; state = $State } })
    try { Invoke-Service @{ states = $states; timeout = $RECOVERY_SECONDS; each = $true } }
    catch { @{ index = -1; kind = 'services'; error = Get-ErrorFact $_ } }
}

# Takes back what the journal holds, unless the change that it belongs to went through and was ended before it could clear it.
function Invoke-Recovery {
    $journal = Get-RegistryKeyValue -Path $JOURNAL_KEY
    $found = $null -ne $journal
    $owner = if ($null -ne $journal -and $journal.ContainsKey($JOURNAL_OWNER)) { Get-Transaction $journal[$JOURNAL_OWNER].data }
    if ($null -ne $owner -and $owner.outcome -eq 'applied') { Clear-Journal; $journal = $null }
    $undo = Invoke-Undo -Rebooted ($null -eq (Get-RegistryKeyValue -Path "$JOURNAL_KEY\$JOURNAL_BOOT"))
    $module.Result.undone = $undo.undone
    $module.Result.not_undone = $undo.not_undone
    $module.Result.changed = $undo.undone.Count -gt 0 -or $undo.restarted
    $module.Result.found = $found
    $asked = Get-Transaction $module.Params.transaction
    if ($null -ne $asked) { $module.Result.answer = $asked.answer }
    if ($undo.again) { $module.Result.outcome = 'failed' }
    elseif ($null -ne $asked) { $module.Result.outcome = 'kept' }
    elseif ($null -eq $journal -and $module.Params.transaction) { $module.Result.outcome = 'cancelled' }
    else { $module.Result.outcome = 'recovered' }
    if ($null -eq $asked) { Save-Transaction -Id $module.Params.transaction -Outcome 'cancelled' }
}

function Invoke-Transaction {
    $module.Result.changes = @()
    $module.Result.failure = $null
    $module.Result.undone = @()
    $module.Result.not_undone = @()
    if ($module.Params.recover -and -not $module.CheckMode) { Invoke-Recovery; return }
    if ($null -ne (Get-Transaction $module.Params.transaction)) { $module.Result.outcome = 'cancelled'; return }
    if ($null -ne (Get-RegistryKeyValue -Path $JOURNAL_KEY)) { $module.Result.outcome = 'interrupted'; return }
    if ($module.Params.expect) {
        $facets = @('http', 'sstp', 'stores' | Where-Object { $module.Params.facets -contains $_ })
        if ((Get-StateId (Get-Fact -Facets $facets)) -ne $module.Params.expect) { $module.Result.outcome = 'conflict'; return }
    }

    $run = Invoke-ChangeList -Changes $module.Params.changes
    $module.Result.changes = $run.done
    $module.Result.failure = $run.failure
    $module.Result.changed = [bool]@($run.done | Where-Object { $_.changed })
    $module.Result.outcome = if ($null -eq $run.failure) { 'applied' } else { 'failed' }
    # Kept before the journal is cleared, as whoever asks must find one of the two.
    Save-Transaction -Id $module.Params.transaction -Outcome $module.Result.outcome
    if ($module.CheckMode) { return }
    if ($null -eq $run.failure) { Clear-Journal }
    elseif ($module.Params.undo_on_failure) {
        $undo = Invoke-Undo
        $module.Result.undone = $undo.undone
        $module.Result.not_undone = $undo.not_undone
        $module.Result.changed = [bool]$undo.not_undone.Count
        Save-Transaction -Id $module.Params.transaction -Outcome 'failed'
    }
}

function Invoke-WithLock {
    param ([scriptblock]$Script)
    $mutex = New-Object -TypeName System.Threading.Mutex -ArgumentList $false, 'Global\rras.sstp'
    try {
        # An abandoned mutex is owned all the same; what its owner left behind is told by the journal.
        try { $owned = $mutex.WaitOne(1000 * $module.Params.lock_timeout) } catch [System.Threading.AbandonedMutexException] { $owned = $true }
        if (-not $owned) { $module.Result.outcome = 'locked'; return }
        try { & $Script } finally { $mutex.ReleaseMutex() }
    }
    finally { $mutex.Dispose() }
}

Add-Type -AssemblyName System.ServiceProcess
try {
    if ($module.Params.operation -eq 'apply') { Invoke-WithLock { Invoke-Transaction } }
    $facts = Get-Fact -Facets $module.Params.facets
    $module.Result.facts = $facts
    $module.Result.state_id = Get-StateId $facts
}
catch {
    $module.Result.error = Get-ErrorFact $_
    $module.FailJson("The host could not be read: $($module.Result.error.message)", $_)
}

$module.ExitJson()
