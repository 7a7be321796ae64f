// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Compiled to assembly text and never linked: each question of the included file becomes a line "@@ name numbers" in it.
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <http.h>
#include <wincrypt.h>
#include <bcrypt.h>
#include <ncrypt.h>
#include <mprapi.h>
#include <lm.h>
#include <stddef.h>

// The header has the tag alone, and typedefs of other names.
typedef struct _CRYPTOAPI_BLOB CRYPTOAPI_BLOB;

#define STRUCT(name) __asm__ volatile("@@ struct " #name " %c0" : : "i"(sizeof(name)));
#define FIELD(name, field) __asm__ volatile("@@ field " #name " " #field " %c0 %c1" : : "i"(offsetof(name, field)), "i"(sizeof(((name *)0)->field)));
#define CONSTANT(name) __asm__ volatile("@@ constant " #name " %c0" : : "i"((int)(long long)(name)));

void answers(void)
{
#include QUESTIONS
}
