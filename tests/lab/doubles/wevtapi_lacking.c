/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the double of wevtapi.dll lacks: winevt.h, which declares these with their arguments, must not be included here. */
#include "lab.h"

#define LACKING(name)                                                  \
    __declspec(dllexport) ULONG_PTR WINAPI name(void);                 \
    ULONG_PTR WINAPI name(void)                                        \
    {                                                                  \
        SetLastError(ERROR_CALL_NOT_IMPLEMENTED);                      \
        return 0;                                                      \
    }

LACKING(EvtArchiveExportedLog)
LACKING(EvtCancel)
LACKING(EvtClearLog)
LACKING(EvtCreateBookmark)
LACKING(EvtExportLog)
LACKING(EvtFormatMessage)
LACKING(EvtGetChannelConfigProperty)
LACKING(EvtGetEventInfo)
LACKING(EvtGetEventMetadataProperty)
LACKING(EvtGetExtendedStatus)
LACKING(EvtGetLogInfo)
LACKING(EvtGetObjectArrayProperty)
LACKING(EvtGetObjectArraySize)
LACKING(EvtGetPublisherMetadataProperty)
LACKING(EvtGetQueryInfo)
LACKING(EvtNextChannelPath)
LACKING(EvtNextEventMetadata)
LACKING(EvtNextPublisherId)
LACKING(EvtOpenChannelConfig)
LACKING(EvtOpenChannelEnum)
LACKING(EvtOpenEventMetadataEnum)
LACKING(EvtOpenLog)
LACKING(EvtOpenPublisherEnum)
LACKING(EvtOpenPublisherMetadata)
LACKING(EvtOpenSession)
LACKING(EvtSaveChannelConfig)
LACKING(EvtSeek)
LACKING(EvtSetChannelConfigProperty)
LACKING(EvtSubscribe)
LACKING(EvtUpdateBookmark)
