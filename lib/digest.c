/* SPDX-License-Identifier: Apache-2.0
 *
 * digest: the text of digests, and OpenSSL's SHA-2 contexts as hashes that can be saved.
 */
#include "lib/digest.h"

#include <string.h>

#define STATE_MAGIC_LEN 4

static const struct alg {
    const char *name;
    size_t bytes, block, word;
    const char *magic; /* of Go's saved state */
} algs[DIGEST_ALGS] = {
    [DIGEST_SHA256] = {"sha256", SHA256_DIGEST_LENGTH, SHA256_CBLOCK, 4, "sha\x03"},
    [DIGEST_SHA384] = {"sha384", SHA384_DIGEST_LENGTH, SHA512_CBLOCK, 8, "sha\x04"},
    [DIGEST_SHA512] = {"sha512", SHA512_DIGEST_LENGTH, SHA512_CBLOCK, 8, "sha\x07"},
};

const char *digest_alg_name(enum digest_alg alg)
{
    return algs[alg].name;
}

bool digest_alg_find(struct span name, enum digest_alg *out)
{
    for (unsigned i = 0; i < DIGEST_ALGS; i++) {
        if (span_eq(name, span_of(algs[i].name))) {
            *out = (enum digest_alg)i;
            return true;
        }
    }
    return false;
}

size_t digest_bytes(enum digest_alg alg)
{
    return algs[alg].bytes;
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_encoded(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '=' || c == '_' || c == '-';
}

/* descriptor.md, "Digests": algorithm ::= component (separator component)*, where a component
 * is [a-z0-9]+ and a separator one of "+._-". */
static bool is_algorithm(struct span s)
{
    bool after_separator = true;
    for (size_t i = 0; i < s.n; i++) {
        bool alnum = is_lower_or_digit(s.p[i]);
        if (!alnum && (after_separator || !s.p[i] || !strchr("+._-", s.p[i])))
            return false;
        after_separator = !alnum;
    }
    return !after_separator;
}

static bool is_digest_form(struct span name, struct span encoded)
{
    for (size_t i = 0; i < encoded.n; i++)
        if (!is_encoded(encoded.p[i]))
            return false;
    return encoded.n && is_algorithm(name);
}

/* What a digit is worth; 0 for what is none. */
enum { HEX_DIGIT = 16 };
static const unsigned char hex_values[256] = {
    ['0'] = HEX_DIGIT | 0,  ['1'] = HEX_DIGIT | 1,  ['2'] = HEX_DIGIT | 2,  ['3'] = HEX_DIGIT | 3,
    ['4'] = HEX_DIGIT | 4,  ['5'] = HEX_DIGIT | 5,  ['6'] = HEX_DIGIT | 6,  ['7'] = HEX_DIGIT | 7,
    ['8'] = HEX_DIGIT | 8,  ['9'] = HEX_DIGIT | 9,  ['a'] = HEX_DIGIT | 10, ['b'] = HEX_DIGIT | 11,
    ['c'] = HEX_DIGIT | 12, ['d'] = HEX_DIGIT | 13, ['e'] = HEX_DIGIT | 14, ['f'] = HEX_DIGIT | 15,
};

static bool hex_decode(struct span hex, unsigned char *out)
{
    unsigned all = HEX_DIGIT;
    for (size_t i = 0; i + 1 < hex.n; i += 2) {
        unsigned high = hex_values[(unsigned char)hex.p[i]];
        unsigned low = hex_values[(unsigned char)hex.p[i + 1]];
        all &= high & low;
        out[i / 2] = (unsigned char)(high << 4 | (low & 15));
    }
    return all;
}

bool digest_from_hex(enum digest_alg alg, struct span hex, struct digest *out)
{
    struct digest d = {.alg = alg};
    if (hex.n != 2 * digest_bytes(alg) || !hex_decode(hex, d.bytes))
        return false;
    *out = d;
    return true;
}

/* Why it is none, in the order in which the registry image finds out. */
static enum rc not_a_digest(struct span s, struct fault *f)
{
    enum digest_alg alg;
    struct span name, hex;
    if (!span_cut(s, ':', &name, &hex) || !is_digest_form(name, hex))
        return fault(f, RC_DIGEST_INVALID, "invalid checksum digest format");
    if (!digest_alg_find(name, &alg))
        return fault(f, RC_DIGEST_INVALID, "unsupported digest algorithm");
    if (hex.n != 2 * digest_bytes(alg))
        return fault(f, RC_DIGEST_INVALID, "invalid checksum digest length");
    return fault(f, RC_DIGEST_INVALID, "invalid checksum digest format");
}

enum rc digest_parse(struct span s, struct digest *out, struct fault *f)
{
    enum digest_alg alg;
    struct span name, hex;
    bool is_one = span_cut(s, ':', &name, &hex) && digest_alg_find(name, &alg) &&
                  digest_from_hex(alg, hex, out);
    return is_one ? RC_OK : not_a_digest(s, f);
}

static char *hex_print(char *p, const struct digest *d)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = digest_bytes(d->alg);
    for (size_t i = 0; i < n; i++) {
        *p++ = digits[d->bytes[i] >> 4];
        *p++ = digits[d->bytes[i] & 15];
    }
    return p;
}

struct digest_text digest_print(const struct digest *d)
{
    struct digest_text t = {{0}};
    char *p = stpcpy(t.s, digest_alg_name(d->alg));
    *p++ = ':';
    hex_print(p, d);
    return t;
}

struct digest_text digest_hex(const struct digest *d)
{
    struct digest_text t = {{0}};
    hex_print(t.s, d);
    return t;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
    return a->alg == b->alg && memcmp(a->bytes, b->bytes, digest_bytes(a->alg)) == 0;
}

void hash_init(struct hash *h, enum digest_alg alg)
{
    memset(h, 0, sizeof(*h));
    h->alg = alg;
    switch (alg) {
    case DIGEST_SHA256:
        SHA256_Init(&h->u.sha256);
        return;
    case DIGEST_SHA384:
        SHA384_Init(&h->u.sha512);
        return;
    case DIGEST_SHA512:
        SHA512_Init(&h->u.sha512);
        return;
    }
}

void hash_add(struct hash *h, struct span bytes)
{
    if (bytes.n == 0)
        return;
    if (h->alg == DIGEST_SHA256)
        SHA256_Update(&h->u.sha256, bytes.p, bytes.n);
    else
        SHA512_Update(&h->u.sha512, bytes.p, bytes.n);
}

/* The contexts count bits in two words, low one first. */
uint64_t hash_count(const struct hash *h)
{
    if (h->alg == DIGEST_SHA256)
        return ((uint64_t)h->u.sha256.Nh << 32 | h->u.sha256.Nl) >> 3;
    return h->u.sha512.Nh << 61 | h->u.sha512.Nl >> 3;
}

void hash_end(const struct hash *h, struct digest *out)
{
    struct hash copy = *h;
    *out = (struct digest){.alg = h->alg};
    if (h->alg == DIGEST_SHA256)
        SHA256_Final(out->bytes, &copy.u.sha256);
    else
        SHA512_Final(out->bytes, &copy.u.sha512); /* its md_len makes it sha384's end too */
}

struct digest digest_of(enum digest_alg alg, struct span bytes)
{
    struct hash h;
    struct digest d;
    hash_init(&h, alg);
    hash_add(&h, bytes);
    hash_end(&h, &d);
    return d;
}

static unsigned char *put_word(unsigned char *p, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
    return p + bytes;
}

static uint64_t get_word(const unsigned char *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | p[i];
    return value;
}

size_t hash_save(const struct hash *h, unsigned char out[HASH_STATE_MAX])
{
    const struct alg *alg = &algs[h->alg];
    bool narrow = h->alg == DIGEST_SHA256;
    size_t pending = narrow ? h->u.sha256.num : h->u.sha512.num;
    const void *block = narrow ? (const void *)h->u.sha256.data : (const void *)h->u.sha512.u.p;
    unsigned char *p = out;
    memcpy(p, alg->magic, STATE_MAGIC_LEN);
    p += STATE_MAGIC_LEN;
    for (size_t i = 0; i < 8; i++)
        p = put_word(p, narrow ? h->u.sha256.h[i] : h->u.sha512.h[i], alg->word);
    memset(p, 0, alg->block);
    memcpy(p, block, pending);
    return (size_t)(put_word(p + alg->block, hash_count(h), 8) - out);
}

static void load_words(struct hash *h, const unsigned char *p, size_t word)
{
    for (size_t i = 0; i < 8; i++, p += word) {
        if (h->alg == DIGEST_SHA256)
            h->u.sha256.h[i] = (SHA_LONG)get_word(p, word);
        else
            h->u.sha512.h[i] = get_word(p, word);
    }
}

static void load_block(struct hash *h, const unsigned char *block, uint64_t count)
{
    if (h->alg == DIGEST_SHA256) {
        h->u.sha256.num = (unsigned)(count % SHA256_CBLOCK);
        h->u.sha256.Nl = (SHA_LONG)(count << 3 & UINT32_MAX);
        h->u.sha256.Nh = (SHA_LONG)(count >> 29);
        memcpy(h->u.sha256.data, block, h->u.sha256.num);
    } else {
        h->u.sha512.num = (unsigned)(count % SHA512_CBLOCK);
        h->u.sha512.Nl = count << 3;
        h->u.sha512.Nh = count >> 61;
        memcpy(h->u.sha512.u.p, block, h->u.sha512.num);
    }
}

bool hash_load(struct hash *h, enum digest_alg alg, struct span state)
{
    const struct alg *a = &algs[alg];
    if (state.n != STATE_MAGIC_LEN + 8 * a->word + a->block + 8 ||
        memcmp(state.p, a->magic, STATE_MAGIC_LEN) != 0)
        return false;
    const unsigned char *words = (const unsigned char *)state.p + STATE_MAGIC_LEN;
    const unsigned char *block = words + 8 * a->word;
    uint64_t count = get_word(block + a->block, 8);
    if (alg == DIGEST_SHA256 && count >> 61)
        return false; /* FIPS 180-4 §1: at most 2^64 - 1 bits */
    hash_init(h, alg);
    load_words(h, words, a->word);
    load_block(h, block, count);
    return true;
}
