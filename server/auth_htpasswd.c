/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_htpasswd: lines in a sorted array, and libcrypt for what they hold.
 */
#include "server/auth_htpasswd.h"

#include <crypt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* "$2b$12$" and 53 characters of salt and hash */
enum { BCRYPT_LEN = 60, BCRYPT_PREFIX = 7, BCRYPT_COST_MAX = 18 };

/* What nobody's password is checked against: the last character stands for bits that bcrypt leaves
 * at zero, so that it never matches. The cost in it is replaced by that of the file. */
#define NOBODY "$2b$10$abcdefghijklmnopqrstuuVfXlyCvEoRQYTcyRAKqBBdGBxYhDlF/"

struct line {
    struct span user, hash;
    size_t number;
};

struct htpasswd {
    struct arena arena;
    struct line *lines; /* by user, then by number */
    size_t count;
    struct span nobody;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A cost that would keep a thread for hours is as good as no hash. */
static bool is_bcrypt(struct span hash)
{
    const char *p = hash.p;
    if (hash.n != BCRYPT_LEN || memcmp(p, "$2", 2) != 0 || !memchr("aby", p[2], 3))
        return false;
    if (p[3] != '$' || !is_digit(p[4]) || !is_digit(p[5]) || p[6] != '$')
        return false;
    return (p[4] - '0') * 10 + (p[5] - '0') <= BCRYPT_COST_MAX;
}

static int compare(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = span_cmp(x->user, y->user);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static struct span trimmed(struct span s)
{
    while (span_ends(s, SPAN("\r")))
        s.n--;
    return span_trim(s);
}

static enum rc add_line(struct htpasswd *h, const char *path, struct span text, size_t number,
                        struct fault *f)
{
    struct line *line = &h->lines[h->count];
    if (text.n == 0 || text.p[0] == '#')
        return RC_OK;
    if (text.n > HTPASSWD_LINE_MAX)
        return fault(f, RC_INTERNAL, "%s:%zu: expected a line of at most %d bytes", path, number,
                     HTPASSWD_LINE_MAX);
    if (!span_cut(text, ':', &line->user, &line->hash) || line->hash.n == 0)
        return fault(f, RC_INTERNAL, "%s:%zu: expected name:hash", path, number);
    line->number = number;
    h->count++;
    return RC_OK;
}

static enum rc add_lines(struct htpasswd *h, const char *path, struct fault *f, struct span rest)
{
    enum rc rc = RC_OK;
    struct span line;
    for (size_t number = 1; rest.n > 0 && rc == RC_OK; number++) {
        span_cut(rest, '\n', &line, &rest);
        rc = add_line(h, path, trimmed(line), number, f);
    }
    return rc;
}

static void make_nobody(struct htpasswd *h)
{
    char *nobody = arena_str(&h->arena, SPAN(NOBODY));
    for (size_t i = 0; i < h->count; i++) {
        if (!is_bcrypt(h->lines[i].hash))
            continue;
        memcpy(nobody, h->lines[i].hash.p, BCRYPT_PREFIX);
        break;
    }
    h->nobody = span_of(nobody);
}

static size_t count_lines(struct span text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

enum rc htpasswd_parse(const char *path, struct span text, struct htpasswd **out, struct fault *f)
{
    struct htpasswd *h = must_calloc(sizeof(*h));
    arena_init(&h->arena);
    h->lines = arena_alloc(&h->arena, count_lines(text) * sizeof(*h->lines));
    enum rc rc = add_lines(h, path, f, arena_span(&h->arena, text));
    if (rc != RC_OK) {
        htpasswd_free(h);
        return rc;
    }
    make_nobody(h);
    qsort(h->lines, h->count, sizeof(*h->lines), compare);
    *out = h;
    return RC_OK;
}

void htpasswd_free(struct htpasswd *h)
{
    if (!h)
        return;
    arena_fini(&h->arena);
    free(h);
}

struct span htpasswd_hash(const struct htpasswd *h, struct span user)
{
    size_t from = 0, to = h->count;
    while (from < to) { /* behind the last line of this user */
        size_t middle = from + (to - from) / 2;
        if (span_cmp(h->lines[middle].user, user) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == 0 || !span_eq(h->lines[from - 1].user, user) || !is_bcrypt(h->lines[from - 1].hash))
        return h->nobody;
    return h->lines[from - 1].hash;
}

/* libcrypt ends a password at its first NUL: "secret\0…" would be "secret". */
static bool fits(struct span password)
{
    return password.n < CRYPT_MAX_PASSPHRASE_SIZE &&
           (password.n == 0 || !memchr(password.p, '\0', password.n));
}

bool htpasswd_matches(struct span hash, struct span password)
{
    struct {
        struct crypt_data crypt;
        char hash[BCRYPT_LEN + 1], password[CRYPT_MAX_PASSPHRASE_SIZE];
    } *w = must_calloc(sizeof(*w)); /* 32 KiB: too much for a stack */
    bool fit = fits(password), matches = false;
    if (is_bcrypt(hash)) {
        memcpy(w->hash, hash.p, hash.n);
        if (fit && password.n > 0)
            memcpy(w->password, password.p, password.n);
        /* the last character of the salt has bits to spare: libcrypt writes it its own way */
        const char *found = crypt_r(w->password, w->hash, &w->crypt);
        size_t salt = BCRYPT_PREFIX + 22;
        matches = fit && found && strlen(found) == BCRYPT_LEN &&
                  sodium_memcmp(found + salt, hash.p + salt, BCRYPT_LEN - salt) == 0;
    }
    sodium_memzero(w, sizeof(*w));
    free(w);
    return matches;
}
