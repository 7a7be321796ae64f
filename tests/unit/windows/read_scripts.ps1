# Copyright (c) 2026 The rras.sstp authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Parses PowerShell texts, runs none of them, and tells what they are made of: parse errors, what Windows PowerShell 5.1
# does not know, commands, types and members. Judging commands, types and members is left to the tests.

param ($Texts)
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$language = 'System.Management.Automation.Language'
$number = '^(0x[0-9a-f]+|\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?)[ld]?([kmgtp]b)?$'

# The names in a type literal: of an array its elements' type, of a generic type itself (List`1) and its arguments.
function Get-TypeName {
    param ($TypeName)
    switch ($TypeName.GetType().Name) {
        'ArrayTypeName' { Get-TypeName $TypeName.ElementType }
        'GenericTypeName' {
            $TypeName.TypeName.FullName + '`' + $TypeName.GenericArguments.Count
            foreach ($argument in $TypeName.GenericArguments) { Get-TypeName $argument }
        }
        default { $TypeName.FullName }
    }
}

# What a member hangs on: the first name alone, with [] for an array.
function Get-TypeKey {
    param ($TypeName)
    $name = @(Get-TypeName $TypeName)[0]
    if ($TypeName -is "$language.ArrayTypeName") { $name + '[]' } else { $name }
}

# The type that a constant text names, as New-Object reads it; null for one that is not constant.
function ConvertTo-TypeName {
    param ($Ast)
    if ($Ast -isnot "$language.StringConstantExpressionAst") { return }
    $tokens = $errors = $null
    $parsed = [System.Management.Automation.Language.Parser]::ParseInput('[' + $Ast.Value + ']', [ref]$tokens, [ref]$errors)
    $parsed.Find({ param ($node) $node -is [System.Management.Automation.Language.TypeExpressionAst] }, $true).TypeName
}

# The text of a named parameter's argument as an AST, or null.
function Get-Argument {
    param ($Command, [string]$Name)
    $elements = $Command.CommandElements
    for ($i = 1; $i -lt $elements.Count; $i++) {
        if ($elements[$i] -is "$language.CommandParameterAst" -and $elements[$i].ParameterName -eq $Name) {
            if ($null -ne $elements[$i].Argument) { return $elements[$i].Argument }
            if ($i + 1 -lt $elements.Count) { return $elements[$i + 1] }
        }
    }
}

function Get-NewerThan51 {
    param ($Node)
    $text = $Node.Extent.Text
    switch ($Node.GetType().Name) {
        'TernaryExpressionAst' { 'ternary operator' }
        'PipelineChainAst' { 'pipeline chain' }
        'BinaryExpressionAst' {
            $right = $Node.Right
            if ($Node.Operator -eq 'QuestionQuestion') { 'null-coalescing operator' }
            if ($Node.Operator -eq 'DotDot' -and ($Node.Left, $right).Where({ $_ -is "$language.StringConstantExpressionAst" -and $_.Value -notmatch '^\d+$' })) { 'range of characters' }
            if ($Node.Operator -in 'Ireplace', 'Creplace' -and $right.FindAll({ param ($n) $n -is [System.Management.Automation.Language.ScriptBlockExpressionAst] }, $false)) { 'replacement by a script block' }
        }
        'AssignmentStatementAst' { if ($Node.Operator -eq 'QuestionQuestionEquals') { 'null-coalescing assignment' } }
        { $_ -in 'MemberExpressionAst', 'InvokeMemberExpressionAst' } { if ($Node.NullConditional) { 'null-conditional member' } }
        'InvokeMemberExpressionAst' { if ($Node.GenericTypeArguments) { 'type arguments of a method' } }
        'IndexExpressionAst' { if ($Node.NullConditional) { 'null-conditional index' } }
        'PipelineAst' { if ($Node.Background) { 'background job' } }
        'ScriptBlockAst' {
            if ($Node.CleanBlock) { 'clean block' }
            $needs = $Node.ScriptRequirements
            if ($null -ne $needs -and $null -ne $needs.RequiredPSVersion -and $needs.RequiredPSVersion -gt [version]'5.1') { 'required version' }
            if ($null -ne $needs -and $needs.RequiredPSEditions -contains 'Core') { 'required edition' }
        }
        'UsingStatementAst' { if ($Node.UsingStatementKind -notin 'Assembly', 'Module', 'Namespace') { 'form of using' } }
        'ConstantExpressionAst' { if ($text -match '^[\d.]' -and $text -notmatch $number) { 'form of number' } }
        { $_ -in 'StringConstantExpressionAst', 'ExpandableStringExpressionAst' } {
            if ($Node.StringConstantType -notlike 'SingleQuoted*' -and $text -cmatch '(?<!`)(``)*`(e|u\{)') { 'escape sequence' }
        }
    }
}

function Read-Command {
    param ($Node, $Report)
    $name = $Node.GetCommandName()
    $parameters = @($Node.CommandElements | Where-Object { $_ -is "$language.CommandParameterAst" } | ForEach-Object { $_.ParameterName })
    [void]$Report.commands.Add(@{ name = $name; line = $Node.Extent.StartLineNumber; target = $Node.CommandElements[0].Extent.Text; parameters = $parameters })
    if ($name -eq 'New-Object') {
        $typeName = ConvertTo-TypeName (Get-Argument $Node 'TypeName')
        $type = if ($null -ne $typeName) { Get-TypeKey $typeName } else { $null }
        foreach ($part in @(if ($null -ne $typeName) { Get-TypeName $typeName })) { [void]$Report.types.Add(@{ name = $part; line = $Node.Extent.StartLineNumber }) }
        $given = Get-Argument $Node 'ArgumentList'
        $count = if ($null -eq $given) { 0 } elseif ($given -is "$language.ArrayLiteralAst") { $given.Elements.Count } else { 1 }
        [void]$Report.members.Add(@{ type = $type; member = 'new'; arguments = $count; line = $Node.Extent.StartLineNumber })
    }
    if ($name -eq 'Add-Type') {
        $assemblies = Get-Argument $Node 'AssemblyName'
        if ($assemblies -is "$language.StringConstantExpressionAst") { [void]$Report.assemblies.Add($assemblies.Value) }
    }
}

# arguments is null for what is read and not called; type is null where the text does not tell it.
function Read-Member {
    param ($Node, $Report)
    $called = $Node -is "$language.InvokeMemberExpressionAst"
    if (-not $Node.Static -and -not $called) { return }
    $member = if ($Node.Member -is "$language.StringConstantExpressionAst") { $Node.Member.Value } else { $null }
    $count = if (-not $called) { $null } elseif ($Node.Arguments) { $Node.Arguments.Count } else { 0 }
    $entry = @{ member = $member; arguments = $count; line = $Node.Extent.StartLineNumber }
    if ($Node.Static) {
        $entry.type = if ($Node.Expression -is "$language.TypeExpressionAst") { Get-TypeKey $Node.Expression.TypeName } else { $null }
        [void]$Report.members.Add($entry)
    }
    else { [void]$Report.methods.Add($entry) }
}

function Read-Script {
    param ([string]$Text)
    $report = @{}
    foreach ($name in 'errors', 'newer', 'commands', 'functions', 'variables', 'types', 'members', 'methods', 'assemblies', 'version_table') { $report[$name] = [System.Collections.ArrayList]::new() }
    $tokens = $errors = $null
    $ast = [System.Management.Automation.Language.Parser]::ParseInput($Text, [ref]$tokens, [ref]$errors)
    foreach ($problem in $errors) { [void]$report.errors.Add("line $($problem.Extent.StartLineNumber): $($problem.Message)") }
    for ($i = 1; $i -lt $tokens.Count; $i++) {
        if ($tokens[$i].Kind -ne 'Pipe') { continue }
        for ($before = $i - 1; $before -gt 0 -and $tokens[$before].Kind -eq 'Comment'; $before--) { }
        if ($tokens[$before].Kind -eq 'NewLine') { [void]$report.newer.Add(@{ what = 'pipe at the start of a line'; line = $tokens[$i].Extent.StartLineNumber; text = '|' }) }
    }
    foreach ($node in $ast.FindAll({ $true }, $true)) {
        $line = $node.Extent.StartLineNumber
        foreach ($what in Get-NewerThan51 $node) {
            [void]$report.newer.Add(@{ what = $what; line = $line; text = $node.Extent.Text.Substring(0, [Math]::Min(80, $node.Extent.Text.Length)) })
        }
        switch ($node.GetType().Name) {
            'CommandAst' { Read-Command $node $report }
            'FunctionDefinitionAst' { [void]$report.functions.Add($node.Name) }
            'VariableExpressionAst' { [void]$report.variables.Add(@{ name = $node.VariablePath.UserPath; line = $line }) }
            { $_ -in 'TypeExpressionAst', 'TypeConstraintAst', 'AttributeAst' } {
                foreach ($part in Get-TypeName $node.TypeName) { [void]$report.types.Add(@{ name = $part; line = $line }) }
            }
            { $_ -in 'MemberExpressionAst', 'InvokeMemberExpressionAst' } {
                Read-Member $node $report
                if ($node.Expression.Extent.Text -eq '$PSVersionTable') { [void]$report.version_table.Add(@{ name = $node.Member.Extent.Text; line = $line }) }
            }
        }
    }
    $report
}

$reports = [System.Collections.ArrayList]::new()
foreach ($text in $Texts) { [void]$reports.Add((Read-Script $text)) }
ConvertTo-Json -InputObject $reports -Depth 6 -Compress
