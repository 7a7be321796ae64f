/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The agent: certificates of LocalMachine and their keys. */
#include "agent.h"

#define CONTAINERS L"Software\\Wine\\Crypto\\RSA"

/* ROOT and what Wine or Windows fills from elsewhere are not the lab's business: opening ROOT makes Wine read every
 * CA file of the Linux machine. */

static BOOL next_store(HKEY key, DWORD *index, WCHAR name[128])
{
    static const WCHAR *const skipped[] = {L"Root", L"AuthRoot", L"Disallowed", L"TrustedPublisher", L"TrustedPeople", L"Trust"};
    BOOL skip;

    do {
        DWORD size = 128;
        if (RegEnumKeyExW(key, (*index)++, name, &size, NULL, NULL, NULL, NULL)) return FALSE;
        skip = FALSE;
        for (size_t i = 0; i < ARRAYSIZE(skipped); i++) skip |= !_wcsicmp(name, skipped[i]);
    } while (skip);
    return TRUE;
}

static PCCERT_CONTEXT find(HCERTSTORE store, const struct argument *thumbprint)
{
    return store && thumbprint->size == SHA1_BYTES ? lab_find(store, thumbprint->data) : NULL;
}

/* --- rehoming ----------------------------------------------------------------------------------------------------- */

static LSTATUS copy_key(HKEY root, const WCHAR *from, const WCHAR *to)
{
    HKEY source, target;
    WCHAR name[128];
    BYTE data[16384];
    DWORD index = 0;
    LSTATUS status = RegOpenKeyExW(root, from, 0, KEY_READ, &source);

    if (status) return status;
    status = RegCreateKeyExW(root, to, 0, NULL, 0, KEY_WRITE, NULL, &target, NULL);
    while (!status) {
        DWORD name_size = ARRAYSIZE(name), size = sizeof(data), type;
        if (RegEnumValueW(source, index++, name, &name_size, NULL, &type, data, &size)) break;
        status = RegSetValueExW(target, name, 0, type, data, size);
    }
    RegCloseKey(source);
    if (!status) RegCloseKey(target);
    return status;
}

static void new_container(WCHAR name[48])
{
    BYTE r[16];
    HCRYPTPROV provider;

    CryptAcquireContextW(&provider, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT);
    CryptGenRandom(provider, sizeof(r), r);
    CryptReleaseContext(provider, 0);
    _snwprintf(name, 48, L"{%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x}", r[0], r[1], r[2], r[3],
               r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

static BOOL move_key(PCCERT_CONTEXT certificate)
{
    WCHAR name[48];
    CRYPT_KEY_PROV_INFO moved = {name, (WCHAR *)MS_ENH_RSA_AES_PROV_W, PROV_RSA_AES, CRYPT_MACHINE_KEYSET, 0, NULL, AT_KEYEXCHANGE};
    HKEY key;
    BOOL good;

    new_container(name);
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, CONTAINERS, 0, KEY_ALL_ACCESS, &key)) return FALSE;
    good = !copy_key(key, lab_default_container(), name) &&
           CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &moved);
    RegCloseKey(key);
    return good;
}

struct rehoming {
    int moved, lost;
};

/* A store in which there is nothing to do is not written: another command may be reading it. */
static void rehome_store(const WCHAR *name, struct rehoming *count)
{
    HCERTSTORE store = lab_store(name, TRUE);
    PCCERT_CONTEXT certificate = NULL;
    int before = count->moved + count->lost;

    while (store && (certificate = CertEnumCertificatesInStore(store, certificate))) {
        CRYPT_KEY_PROV_INFO *info = lab_key_info(certificate);
        BOOL matches = FALSE;
        if (info && info->pwszContainerName && !_wcsicmp(info->pwszContainerName, lab_default_container())) {
            lab_key_opens(info, certificate, &matches);
            if (matches && move_key(certificate)) count->moved++;
            else if (CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, NULL)) count->lost++;
        }
        free(info);
    }
    if (store && count->moved + count->lost > before) lab_close(store);
    else if (store) CertCloseStore(store, 0);
}

/* Wine 8 imports every key of a PFX into one container, so that the next import would overwrite this one: gives each
 * certificate whose key is still there a container of its own, as Windows does at the import. It also writes the link to
 * that container on every certificate of the PFX, those of the chain too: these lose it. Of two imports in one command
 * only the last key is still there, and the other certificate loses its link. */
ULONG rehome(const struct argument *a, int n, struct json *out)
{
    struct rehoming count = {0, 0};
    WCHAR name[128];
    DWORD index = 0;
    HKEY key;

    (void)a;
    (void)n;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, STORES_KEY, 0, KEY_READ, &key)) return 0;
    while (next_store(key, &index, name)) rehome_store(name, &count);
    RegCloseKey(key);
    if (count.moved && !RegOpenKeyExW(HKEY_LOCAL_MACHINE, CONTAINERS, 0, KEY_ALL_ACCESS, &key)) {
        RegDeleteKeyW(key, lab_default_container());
        RegCloseKey(key);
    }
    json_number(out, "moved", count.moved);
    json_number(out, "lost", count.lost);
    return 0;
}

/* --- changing ----------------------------------------------------------------------------------------------------- */

/* store pfx password exportable */
ULONG cert_import(const struct argument *a, int n, struct json *out)
{
    CRYPT_DATA_BLOB blob = {a[1].size, a[1].data};
    DWORD flags = CRYPT_MACHINE_KEYSET | (number(&a[3]) ? CRYPT_EXPORTABLE : 0);
    HCERTSTORE source = PFXImportCertStore(&blob, a[2].text, flags), store;
    PCCERT_CONTEXT certificate = NULL;
    ULONG code = 0;

    if (!source) return GetLastError() ? GetLastError() : ERROR_INVALID_PASSWORD;
    store = lab_store(a[0].text, TRUE);
    while (store && (certificate = CertEnumCertificatesInStore(source, certificate))) {
        CRYPT_KEY_PROV_INFO *info = lab_key_info(certificate);
        BOOL own = FALSE;
        if (info) lab_key_opens(info, certificate, &own);
        if (own && !CertAddCertificateContextToStore(store, certificate, CERT_STORE_ADD_REPLACE_EXISTING, NULL)) code = GetLastError();
        free(info);
    }
    if (store) lab_close(store);
    CertCloseStore(source, 0);
    return code ? code : rehome(a, n, out);
}

/* store der */
ULONG cert_add(const struct argument *a, int n, struct json *out)
{
    HCERTSTORE store = lab_store(a[0].text, TRUE);
    BOOL good;

    (void)n;
    (void)out;
    if (!store) return GetLastError();
    good = CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, a[1].data, a[1].size, CERT_STORE_ADD_REPLACE_EXISTING, NULL);
    DWORD code = good ? 0 : GetLastError();
    lab_close(store);
    return code;
}

/* What shall be done with one certificate: gives a code and may use it up. */
static ULONG with_certificate(const struct argument *a, ULONG (*work)(PCCERT_CONTEXT, const struct argument *))
{
    HCERTSTORE store = lab_store(a[0].text, TRUE);
    PCCERT_CONTEXT certificate = find(store, &a[1]);
    ULONG code = certificate ? work(certificate, a) : (ULONG)ERROR_NOT_FOUND;

    if (store) lab_close(store);
    return code;
}

static ULONG remove_certificate(PCCERT_CONTEXT certificate, const struct argument *a)
{
    (void)a;
    return CertDeleteCertificateFromStore(certificate) ? 0 : GetLastError();
}

static ULONG give_name(PCCERT_CONTEXT certificate, const struct argument *a)
{
    CRYPT_DATA_BLOB blob = {a[2].text ? (DWORD)((wcslen(a[2].text) + 1) * sizeof(WCHAR)) : 0, (BYTE *)a[2].text};
    BOOL good = CertSetCertificateContextProperty(certificate, CERT_FRIENDLY_NAME_PROP_ID, 0, a[2].text ? &blob : NULL);

    CertFreeCertificateContext(certificate);
    return good ? 0 : GetLastError();
}

static ULONG delete_key(PCCERT_CONTEXT certificate, const struct argument *a)
{
    CRYPT_KEY_PROV_INFO *info = lab_key_info(certificate);
    HCRYPTPROV provider;
    ULONG code = ERROR_NOT_FOUND;

    (void)a;
    if (info)
        code = CryptAcquireContextW(&provider, info->pwszContainerName, info->pwszProvName, info->dwProvType,
                                    CRYPT_DELETEKEYSET | (info->dwFlags & CRYPT_MACHINE_KEYSET)) ? 0 : GetLastError();
    free(info);
    CertFreeCertificateContext(certificate);
    return code;
}

static ULONG change_flags(PCCERT_CONTEXT certificate, const struct argument *a)
{
    CRYPT_KEY_PROV_INFO *info = lab_key_info(certificate);
    BOOL good = FALSE;

    if (info) {
        info->dwFlags = number(&a[2]);
        good = CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, info);
    }
    free(info);
    CertFreeCertificateContext(certificate);
    return good ? 0 : ERROR_NOT_FOUND;
}

/* store thumbprint */
ULONG cert_delete(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return with_certificate(a, remove_certificate);
}

/* store thumbprint friendly_name */
ULONG cert_name(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return with_certificate(a, give_name);
}

/* store thumbprint: the certificate stays and says that it has a key */
ULONG key_delete(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return with_certificate(a, delete_key);
}

/* store thumbprint flags: 0 makes a key of a user of it */
ULONG key_flags(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return with_certificate(a, change_flags);
}

/* store thumbprint other_store other_thumbprint: the certificate says that its key is where that of the other one is */
ULONG key_share(const struct argument *a, int n, struct json *out)
{
    HCERTSTORE store = lab_store(a[0].text, TRUE), other = lab_store(a[2].text, FALSE);
    PCCERT_CONTEXT certificate = find(store, &a[1]), owner = find(other, &a[3]);
    CRYPT_KEY_PROV_INFO *info = owner ? lab_key_info(owner) : NULL;
    BOOL good = certificate && info && CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, info);

    (void)n;
    (void)out;
    free(info);
    if (owner) CertFreeCertificateContext(owner);
    if (certificate) CertFreeCertificateContext(certificate);
    if (other) CertCloseStore(other, 0);
    if (store) lab_close(store);
    return good ? 0 : ERROR_NOT_FOUND;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* null where the key does not open, or does not say */
static void dump_exportable(struct json *out, const CRYPT_KEY_PROV_INFO *info)
{
    DWORD spec = info->dwKeySpec == AT_SIGNATURE ? AT_SIGNATURE : AT_KEYEXCHANGE, permissions, size = sizeof(permissions);
    HCRYPTPROV provider;
    HCRYPTKEY key;
    BOOL known = FALSE;

    if (CryptAcquireContextW(&provider, info->pwszContainerName, info->pwszProvName, info->dwProvType,
                             CRYPT_SILENT | (info->dwFlags & CRYPT_MACHINE_KEYSET))) {
        if (CryptGetUserKey(provider, spec, &key)) {
            known = CryptGetKeyParam(key, KP_PERMISSIONS, (BYTE *)&permissions, &size, 0);
            CryptDestroyKey(key);
        }
        CryptReleaseContext(provider, 0);
    }
    if (known) json_bool(out, "exportable", (permissions & CRYPT_EXPORT) != 0);
    else json_text(out, "exportable", NULL);
}

static void dump_key(struct json *out, PCCERT_CONTEXT certificate)
{
    CRYPT_KEY_PROV_INFO *info = lab_key_info(certificate);
    BOOL matches = FALSE, opens;

    if (!info) {
        json_text(out, "key", NULL);
        return;
    }
    opens = lab_key_opens(info, certificate, &matches);
    json_open(out, "key", '{');
    json_text(out, "container", info->pwszContainerName);
    json_text(out, "provider", info->pwszProvName);
    json_number(out, "type", info->dwProvType);
    json_number(out, "flags", info->dwFlags);
    json_number(out, "spec", info->dwKeySpec);
    json_bool(out, "opens", opens);
    json_bool(out, "matches", matches);
    dump_exportable(out, info);
    json_close(out, '}');
    free(info);
}

static void dump_certificate(struct json *out, PCCERT_CONTEXT certificate)
{
    BYTE sha1[SHA1_BYTES] = {0}, sha256[32] = {0};
    WCHAR name[256];
    DWORD size = sizeof(sha1), name_size = sizeof(name);

    CertGetCertificateContextProperty(certificate, CERT_SHA1_HASH_PROP_ID, sha1, &size);
    lab_sha256(certificate->pbCertEncoded, certificate->cbCertEncoded, sha256);
    json_open(out, NULL, '{');
    json_hex(out, "thumbprint", sha1, sizeof(sha1));
    json_hex(out, "sha256", sha256, sizeof(sha256));
    json_base64(out, "der", certificate->pbCertEncoded, certificate->cbCertEncoded);
    BOOL named = CertGetCertificateContextProperty(certificate, CERT_FRIENDLY_NAME_PROP_ID, name, &name_size);
    json_text(out, "friendly_name", named ? name : NULL);
    dump_key(out, certificate);
    json_close(out, '}');
}

static void dump_store(struct json *out, const WCHAR *name)
{
    HCERTSTORE store = lab_store(name, FALSE);
    PCCERT_CONTEXT certificate = NULL;
    WCHAR upper[128];
    char *utf8;

    wcsncpy(upper, name, ARRAYSIZE(upper) - 1);
    upper[ARRAYSIZE(upper) - 1] = 0;
    if (!_wcsicmp(upper, L"My") || !_wcsicmp(upper, L"CA")) _wcsupr(upper);
    utf8 = to_utf8(upper);
    json_open(out, utf8, '[');
    free(utf8);
    while (store && (certificate = CertEnumCertificatesInStore(store, certificate))) dump_certificate(out, certificate);
    if (store) CertCloseStore(store, 0);
    json_close(out, ']');
}

static void dump_containers(struct json *out)
{
    WCHAR name[260];
    DWORD index = 0, size = ARRAYSIZE(name);
    HKEY key;

    json_open(out, "containers", '[');
    if (!RegOpenKeyExW(HKEY_LOCAL_MACHINE, CONTAINERS, 0, KEY_READ, &key)) {
        while (!RegEnumKeyExW(key, index++, name, &size, NULL, NULL, NULL, NULL)) {
            json_text(out, NULL, name);
            size = ARRAYSIZE(name);
        }
        RegCloseKey(key);
    }
    json_close(out, ']');
}

void cert_dump(struct json *out)
{
    WCHAR name[128];
    DWORD index = 0;
    HKEY key;

    json_open(out, "certificates", '{');
    if (!RegOpenKeyExW(HKEY_LOCAL_MACHINE, STORES_KEY, 0, KEY_READ, &key)) {
        while (next_store(key, &index, name)) dump_store(out, name);
        RegCloseKey(key);
    }
    json_close(out, '}');
    dump_containers(out);
}
