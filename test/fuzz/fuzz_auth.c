/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of users, and what clients say of themselves in a header: who is meant is found a second
 * way, nobody is let in without a proof, and what a refusal says is one header and one JSON value.
 */
#include <sodium.h>
#include <string.h>

#include "lib/json.h"
#include "server/auth_internal.h"
#include "test/fuzz/fuzz.h"

/* "secret", at the least cost. */
#define SECRET_HASH "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"

static struct pattern bcrypt = {"\\$2[aby]\\$(0[0-9]|1[0-8])\\$", NULL};

/* bcrypt's, with a cost that can be paid. */
static bool counts(struct span hash)
{
    return hash.n == 60 && is_match(&bcrypt, span_head(hash, 7));
}

/* The hash of the last line of that user, if it is one that counts. */
static struct span look_up(struct span text, struct span user)
{
    struct span line, name, hash, found = {NULL, 0};
    while (text.n > 0) {
        span_cut(text, '\n', &line, &text);
        while (span_ends(line, SPAN("\r")))
            line.n--;
        line = span_trim(line);
        if (span_starts(line, SPAN("#")) || !span_cut(line, ':', &name, &hash))
            continue;
        if (span_eq(name, user))
            found = hash;
    }
    return counts(found) ? found : (struct span){NULL, 0};
}

/* "user:password" of RFC 7617, by a reader of base64 of the test's own. */
static bool read_basic(struct span header, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned long bits = 0;
    unsigned count = 0;
    struct span scheme;
    span_cut(header, ' ', &scheme, &header);
    header = span_trim(header);
    while (span_ends(header, SPAN("=")))
        header.n--;
    for (size_t i = 0; i < header.n; i++) {
        const char *at = memchr(digits, header.p[i], 64);
        if (!at)
            return false;
        bits = (bits << 6 | (unsigned long)(at - digits)) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            buf_add_char(out, (char)(bits >> count & 0xff));
        }
    }
    return count < 6 && (bits & ((1UL << count) - 1)) == 0 && span_eq_nocase(scheme, SPAN("Basic"));
}

static void check_basic(const struct proof *p, struct span file, struct span header)
{
    struct span user, password, hash;
    struct buf plain;
    buf_init(&plain);
    HOLDS(read_basic(header, &plain));
    HOLDS(span_cut(buf_span(&plain), ':', &user, &password));
    HOLDS(span_eq(p->user, user) && span_eq(p->secret, password));
    HOLDS(user.n == 0 || !memchr(user.p, '\0', user.n));
    hash = look_up(file, user);
    HOLDS(counts(p->hash) && (!hash.p || span_eq(hash, p->hash)));
    if (!hash.p) /* nobody's, which nothing matches */
        HOLDS(span_ends(p->hash, SPAN("VfXlyCvEoRQYTcyRAKqBBdGBxYhDlF/")));
    if (span_eq(p->hash, SPAN(SECRET_HASH)))
        HOLDS(htpasswd_matches(p->hash, p->secret) == span_eq(password, SPAN("secret")));
    buf_fini(&plain);
}

/* A refusal is one line of a known name, and details that are JSON. */
static void check_refusal(const struct proof *p, const struct http_head *head,
                          struct span repository, struct span source)
{
    for (int want = WANT_ENTRY; want <= WANT_ADMIN; want++) {
        struct wish wish = {(enum want)want, repository, source};
        struct fault f;
        const char *headers = NULL;
        fault_init(&f, p->arena);
        enum rc rc = auth_allow(p, &wish, head, &headers, &f);
        HOLDS(rc == RC_UNAUTHORIZED && headers);
        struct span line = span_of(headers);
        HOLDS(span_starts(line, SPAN("Www-Authenticate: ")) && span_ends(line, SPAN("\r\n")));
        HOLDS(is_one_line(span_head(line, line.n - 2)));
        HOLDS(json_is_sound(span_of(f.first->detail), JSON_DEPTH_MAX, 1000));
    }
}

static void ask(struct auth *a, struct span file, struct span header, struct span in)
{
    struct arena arena;
    struct proof p;
    arena_init(&arena);
    struct span repository = take_line(&in), source = take_line(&in), host = take_line(&in);
    if (!is_one_line(repository) || !is_one_line(source)) /* no path or query is decoded to that */
        repository = source = SPAN("a");
    struct http_header forwarded = {SPAN("X-Forwarded-Host"), arena_span(&arena, in), NULL};
    struct http_header to = {SPAN("Host"), arena_span(&arena, host), &forwarded};
    struct http_header who = {SPAN("Authorization"), arena_span(&arena, header), &to};
    struct http_head head = {.headers = &who};
    enum auth_answer answer = auth_ask(a, &head, &arena, &p);
    HOLDS(answer != AUTH_LATER && p.credentials != CREDENTIALS_GOOD && !p.who.user.p);
    if (answer == AUTH_PROVE && a->type == AUTH_HTPASSWD)
        check_basic(&p, file, header);
    if (answer == AUTH_PROVE) {
        p.matches = false; /* as auth_prove would find, but for the few that check_basic tries */
        auth_proved(&p);
    }
    HOLDS(p.credentials != CREDENTIALS_GOOD && p.secret.n == 0);
    check_refusal(&p, &head, repository, source);
    arena_fini(&arena);
}

static void check_file_fault(enum rc rc, const struct fault *f)
{
    HOLDS(rc == RC_INTERNAL && f->count == 1 && is_one_line(span_of(f->first->detail)));
    HOLDS(strncmp(f->first->detail, "f:", 2) == 0 && strlen(f->first->detail) < 80);
}

static void try_users(struct config *config, struct span file, struct span header, struct span in)
{
    struct auth a = {.config = config, .type = AUTH_HTPASSWD, .flights_max = 1};
    struct arena arena;
    struct fault f;
    arena_init(&arena);
    fault_init(&f, &arena);
    enum rc rc = htpasswd_parse("f", file, &a.users, &f);
    if (rc == RC_OK) {
        a.good = auth_cache_new();
        ask(&a, file, header, in);
        auth_cache_free(a.good);
    } else {
        check_file_fault(rc, &f);
    }
    htpasswd_free(a.users);
    arena_fini(&arena);
}

/* A byte: 'u' for a file of users, or tokens. The file; a line for the header; then lines for a
 * repository, another, a host, and another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct config config = {.htpasswd_realm = "a \"realm\"",
                            .token_realm = "https://auth/token",
                            .token_service = "service",
                            .token_autoredirect_path = "/auth/token"};
    HOLDS(sodium_init() >= 0);
    unsigned way = take_byte(&in);
    struct span file = copy_new(take_part(&in)), header = copy_new(take_line(&in));
    if (way == 'u') {
        try_users(&config, file, header, in);
    } else {
        struct trust_file none = {"n", {NULL, 0}};
        struct auth a = {.config = &config, .type = AUTH_TOKEN, .good = auth_cache_new()};
        config.token_autoredirect = way & 1;
        HOLDS(trust_new(none, none, &a.trust, NULL) == RC_OK);
        ask(&a, file, header, in);
        trust_drop(a.trust);
        auth_cache_free(a.good);
    }
    copy_free(file);
    copy_free(header);
    return 0;
}
