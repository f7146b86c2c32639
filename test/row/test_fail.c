/* SPDX-License-Identifier: Apache-2.0
 *
 * Each request on a disk that fails: for each error, each call that can have it fails once, and
 * with some errors all calls from that one on. Who is told that it is done can rely on it;
 * everybody else is told clearly that it is not, and can do it again; nothing torn is seen, nothing
 * is held, and what is left goes with the next collection, which takes nothing else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "test/fail.h"
#include "test/row/scene.h"

/* What a client does, once, while the disk fails. */
struct act {
    const char *name;
    int code; /* when all is well */
    bool reads;
    void (*before)(struct scene *s);
    struct answer (*ask)(struct scene *s);
    /* Is the answer true? Looked at without failures. */
    bool (*holds)(struct scene *s, struct answer *a);
    /* After it has failed: there is nothing that must not be there. NULL: anything may. */
    bool (*is_sound)(struct scene *s);
    /* Does it again, or what clients do instead; it must succeed. NULL: it is asked again. */
    void (*again)(struct scene *s);
    int gone; /* asked again, this is as well: the first time has done more than it said */
};

/* ---- Uploads. --------------------------------------------------------------------------- */

static void nothing(struct scene *s)
{
    (void)s;
}

static struct answer begin(struct scene *s)
{
    return scene_ask(s, METHOD_POST, "blobs/uploads/", NULL, SPAN(""));
}

static struct answer begin_sha512(struct scene *s)
{
    return scene_ask(s, METHOD_POST, "blobs/uploads/?digest-algorithm=sha512", NULL, SPAN(""));
}

static bool has_begun(struct scene *s, struct answer *a)
{
    (void)snprintf(s->location, sizeof(s->location), "%s",
                   answer_header(a, "Location") + strlen("http://reg.test"));
    return scene_offset(s) == 0;
}

static void begun(struct scene *s)
{
    scene_begin(s);
}

static void half_sent(struct scene *s)
{
    scene_begin(s);
    scene_patch(s, span_head(s->layer, SCENE_CUT));
}

static void all_sent(struct scene *s)
{
    scene_begin(s);
    scene_patch(s, s->layer);
}

/* What a process that was killed has left: nobody has synced it, and no state says what it is. */
static void cut_off(struct scene *s)
{
    scene_begin(s);
    struct call c = {METHOD_PATCH, s->location, NULL, s->layer, SCENE_CUT, SCENE_CUT};
    struct answer a = bench_call(s->bench, &c);
    answer_fini(&a);
}

static struct answer status(struct scene *s)
{
    return bench_ask(s->bench, METHOD_GET, s->location, SPAN(""));
}

static bool tells_half(struct scene *s, struct answer *a)
{
    (void)s;
    return strcmp(answer_header(a, "Range"), "0-999") == 0;
}

static struct answer send_all(struct scene *s)
{
    struct call c = {METHOD_PATCH, s->location, NULL, s->layer, SCENE_CUT, SIZE_MAX};
    return bench_call(s->bench, &c);
}

static struct answer send_rest(struct scene *s)
{
    return bench_ask(s->bench, METHOD_PATCH, s->location, span_skip(s->layer, SCENE_CUT));
}

static bool has_all(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_offset(s) == SCENE_LAYER;
}

/* Nothing of a request that failed stays. */
static bool has_none(struct scene *s)
{
    return scene_offset(s) == 0;
}

static bool has_half(struct scene *s)
{
    return scene_offset(s) == SCENE_CUT;
}

static struct answer finish_with(struct scene *s, struct span body)
{
    char target[1024];
    (void)snprintf(target, sizeof(target), "%s&digest=%s", s->location, s->layer_digest.s);
    return bench_ask(s->bench, METHOD_PUT, target, body);
}

static struct answer finish(struct scene *s)
{
    return finish_with(s, SPAN(""));
}

static struct answer finish_with_all(struct scene *s)
{
    return finish_with(s, s->layer);
}

static struct answer finish_with_rest(struct scene *s)
{
    return finish_with(s, span_skip(s->layer, SCENE_CUT));
}

static bool has_layer(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_has_layer(s) == 1;
}

/* As far as it is there at all. */
static bool has_whole_layer(struct scene *s)
{
    return scene_has_layer(s) >= 0;
}

static struct answer post(struct scene *s)
{
    return scene_ask(s, METHOD_POST, "blobs/uploads/?digest=%s", s->layer_digest.s, s->layer);
}

static void elsewhere(struct scene *s)
{
    struct digest_text ignored = push_blob(s->bench, "elsewhere", s->layer);
    (void)ignored;
}

static struct answer mount(struct scene *s)
{
    return scene_ask(s, METHOD_POST, "blobs/uploads/?mount=%s&from=elsewhere", s->layer_digest.s,
                     SPAN(""));
}

static struct answer mount_any(struct scene *s)
{
    return scene_ask(s, METHOD_POST, "blobs/uploads/?mount=%s", s->layer_digest.s, SPAN(""));
}

static struct answer cancel(struct scene *s)
{
    return bench_ask(s->bench, METHOD_DELETE, s->location, SPAN(""));
}

static bool is_cancelled(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_offset(s) == -1;
}

/* ---- Manifests. ------------------------------------------------------------------------- */

static void with_blobs(struct scene *s)
{
    scene_push_blobs(s);
}

static void with_image(struct scene *s)
{
    scene_push_image(s, 0, "here");
}

static void with_two_tags(struct scene *s)
{
    scene_push_image(s, 0, "here");
    scene_push_image(s, 0, "there");
}

static void with_referrer(struct scene *s)
{
    scene_push_image(s, 0, "here");
    scene_push_image(s, 1, "there");
}

static struct answer put(struct scene *s)
{
    return scene_put_image(s, 0, "here");
}

static struct answer put_other(struct scene *s)
{
    return scene_put_image(s, 1, "here");
}

static struct answer put_with_tags(struct scene *s)
{
    char reference[256];
    (void)snprintf(reference, sizeof(reference), "%s?tag=here&tag=there", s->digests[1].s);
    return scene_put_image(s, 1, reference);
}

static bool is_first(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_image_at(s, "here") == 0 && scene_image_at(s, s->digests[0].s) == 0 &&
           scene_has_layer(s);
}

static bool is_second(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_image_at(s, "here") == 1 && scene_image_at(s, s->digests[1].s) == 1 &&
           scene_has_layer(s);
}

static bool is_second_twice(struct scene *s, struct answer *a)
{
    return is_second(s, a) && scene_image_at(s, "there") == 1;
}

/* A tag leads to a manifest, or there is none, nor is it told of. */
static bool has_whole_tags(struct scene *s)
{
    static const char *const tags[] = {"here", "there"};
    for (size_t i = 0; i < array_len(tags); i++) {
        int image = scene_image_at(s, tags[i]);
        if (scene_lists(s, tags[i]) != (image >= 0))
            return false;
        if (image >= 0 && (scene_image_at(s, s->digests[image].s) != image || !scene_has_layer(s)))
            return false;
    }
    return true;
}

/* The old one or the new one. */
static bool has_either(struct scene *s)
{
    return scene_image_at(s, "here") >= 0 && has_whole_tags(s);
}

static struct answer delete_tag(struct scene *s)
{
    return scene_ask(s, METHOD_DELETE, "manifests/here", NULL, SPAN(""));
}

static bool has_no_tag(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_image_at(s, "here") == -1 && scene_image_at(s, "there") == 0;
}

static struct answer delete_manifest(struct scene *s)
{
    return scene_ask(s, METHOD_DELETE, "manifests/%s", s->digests[0].s, SPAN(""));
}

static bool has_no_manifest(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_image_at(s, "here") == -1 && scene_image_at(s, "there") == -1 &&
           scene_image_at(s, s->digests[0].s) == -1;
}

static struct answer delete_blob(struct scene *s)
{
    return scene_ask(s, METHOD_DELETE, "blobs/%s", s->layer_digest.s, SPAN(""));
}

static bool has_no_layer(struct scene *s, struct answer *a)
{
    (void)a;
    return scene_has_layer(s) == 0;
}

/* ---- Reading. --------------------------------------------------------------------------- */

static struct answer get_by_tag(struct scene *s)
{
    return scene_ask(s, METHOD_GET, "manifests/here", NULL, SPAN(""));
}

static struct answer head_manifest(struct scene *s)
{
    return scene_ask(s, METHOD_HEAD, "manifests/%s", s->digests[0].s, SPAN(""));
}

static struct answer get_blob(struct scene *s)
{
    return scene_ask(s, METHOD_GET, "blobs/%s", s->layer_digest.s, SPAN(""));
}

static struct answer get_range(struct scene *s)
{
    char target[512];
    (void)snprintf(target, sizeof(target), "/v2/%s/blobs/%s", s->repo, s->layer_digest.s);
    struct call c = {METHOD_GET, target, "Range: bytes=1000-\r\n", SPAN(""), 0, SIZE_MAX};
    return bench_call(s->bench, &c);
}

static struct answer head_blob(struct scene *s)
{
    return scene_ask(s, METHOD_HEAD, "blobs/%s", s->layer_digest.s, SPAN(""));
}

static struct answer get_referrers(struct scene *s)
{
    return scene_ask(s, METHOD_GET, "referrers/%s", s->digests[0].s, SPAN(""));
}

static struct answer get_tags(struct scene *s)
{
    return scene_ask(s, METHOD_GET, "tags/list", NULL, SPAN(""));
}

static struct answer get_catalog(struct scene *s)
{
    return bench_ask(s->bench, METHOD_GET, "/v2/_catalog", SPAN(""));
}

static bool is_body(const struct answer *a, struct span want)
{
    return span_eq(buf_span(&a->body), want);
}

static bool is_image(struct scene *s, struct answer *a)
{
    return is_body(a, span_of(s->images[0]));
}

static bool is_named(struct scene *s, struct answer *a)
{
    (void)s;
    return answer_header(a, "Docker-Content-Digest") != NULL;
}

static bool is_layer(struct scene *s, struct answer *a)
{
    return is_body(a, s->layer);
}

static bool is_rest(struct scene *s, struct answer *a)
{
    return is_body(a, span_skip(s->layer, SCENE_CUT));
}

static bool lists_referrer(struct scene *s, struct answer *a)
{
    return strstr(a->body.p, s->digests[1].s) != NULL;
}

static bool lists_tags(struct scene *s, struct answer *a)
{
    (void)s;
    return strstr(a->body.p, "[\"here\",\"there\"]") != NULL;
}

static bool lists_repositories(struct scene *s, struct answer *a)
{
    char want[128];
    (void)snprintf(want, sizeof(want), "[\"%s\",\"live\"]", s->repo);
    return strstr(a->body.p, want) != NULL;
}

static const struct act acts[] = {
    {"begin", 202, false, nothing, begin, has_begun, NULL, NULL, 0},
    {"begin sha512", 202, false, nothing, begin_sha512, has_begun, NULL, NULL, 0},
    {"status", 204, true, half_sent, status, tells_half, NULL, NULL, 0},
    {"status after a cut", 204, true, cut_off, status, tells_half, NULL, NULL, 0},
    {"patch", 202, false, begun, send_all, has_all, has_none, scene_complete_layer, 0},
    {"second patch", 202, false, half_sent, send_rest, has_all, has_half, scene_complete_layer, 0},
    {"patch after a cut", 202, false, cut_off, send_rest, has_all, NULL, scene_complete_layer, 0},
    {"finish", 201, false, all_sent, finish, has_layer, has_whole_layer, scene_complete_layer, 0},
    {"finish with all", 201, false, begun, finish_with_all, has_layer, has_whole_layer,
     scene_complete_layer, 0},
    {"finish with the rest", 201, false, half_sent, finish_with_rest, has_layer, has_whole_layer,
     scene_complete_layer, 0},
    {"post", 201, false, nothing, post, has_layer, has_whole_layer, NULL, 0},
    {"mount", 201, false, elsewhere, mount, has_layer, has_whole_layer, NULL, 0},
    {"mount from anywhere", 201, false, elsewhere, mount_any, has_layer, has_whole_layer, NULL, 0},
    {"cancel", 204, false, half_sent, cancel, is_cancelled, NULL, NULL, 404},
    {"put", 201, false, with_blobs, put, is_first, has_whole_tags, NULL, 0},
    {"put again", 201, false, with_image, put, is_first, has_either, NULL, 0},
    {"move a tag", 201, false, with_image, put_other, is_second, has_either, NULL, 0},
    {"put with tags", 201, false, with_image, put_with_tags, is_second_twice, has_either, NULL, 0},
    {"delete a tag", 202, false, with_two_tags, delete_tag, has_no_tag, has_whole_tags, NULL, 404},
    {"delete a manifest", 202, false, with_two_tags, delete_manifest, has_no_manifest,
     has_whole_tags, NULL, 404},
    {"delete a blob", 202, false, with_blobs, delete_blob, has_no_layer, has_whole_layer, NULL,
     404},
    {"get by tag", 200, true, with_image, get_by_tag, is_image, NULL, NULL, 0},
    {"head of a manifest", 200, true, with_image, head_manifest, is_named, NULL, NULL, 0},
    {"get a blob", 200, true, with_image, get_blob, is_layer, NULL, NULL, 0},
    {"get a range", 206, true, with_image, get_range, is_rest, NULL, NULL, 0},
    {"head of a blob", 200, true, with_image, head_blob, is_named, NULL, NULL, 0},
    {"referrers", 200, true, with_referrer, get_referrers, lists_referrer, NULL, NULL, 0},
    {"tags", 200, true, with_two_tags, get_tags, lists_tags, NULL, NULL, 0},
    {"catalog", 200, true, with_image, get_catalog, lists_repositories, NULL, NULL, 0},
};

/* ---- The errors, and what a client is told for each. ------------------------------------ */

struct trouble {
    int error;
    enum fail_how how;
    unsigned step; /* of what others have gone through call by call, every third one */
    int code;      /* 0: nobody notices */
    const char *body;
};

#define BODY(code, message) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"" message "\"}]}\n"
#define FULL 507, BODY("UNKNOWN", "no space left to store this")
#define BUSY 503, BODY("UNAVAILABLE", "service unavailable")
#define ILL 500, BODY("UNKNOWN", "unknown error")

static const struct trouble troubles[] = {
    {EINTR, FAIL_ONCE, 1, 0, NULL}, {FAIL_SHORT, FAIL_FROM, 1, 0, NULL},
    {EIO, FAIL_ONCE, 1, ILL},       {ENOSPC, FAIL_ONCE, 1, FULL},
    {EMFILE, FAIL_ONCE, 1, BUSY},   {EIO, FAIL_FROM, 1, ILL},
    {EACCES, FAIL_ONCE, 3, ILL},    {EROFS, FAIL_FROM, 3, ILL},
    {EDQUOT, FAIL_FROM, 3, FULL},   {ENFILE, FAIL_FROM, 3, BUSY},
};

/* ---- One after the other. --------------------------------------------------------------- */

struct attempt {
    const struct act *act;
    const struct trouble *trouble;
    unsigned at;
    const char *call;
};

static void must(const struct attempt *t, bool holds, const char *what)
{
    const char *error = t->trouble->error > 0 ? strerrorname_np(t->trouble->error) : "short";
    if (!holds)
        fail_msg("%s, %s %s call %u (%s): %s", t->act->name, error,
                 t->trouble->how == FAIL_ONCE ? "at" : "from", t->at, t->call ? t->call : "none",
                 what);
}

static bool is_image_of_live(struct scene *live)
{
    return scene_image_at(live, "latest") == 0 && scene_has_layer(live);
}

/* The words for the log say what the system said. */
static void check_refusal(const struct attempt *t, struct answer *a)
{
    char what[512];
    (void)snprintf(what, sizeof(what), "the answer is %d %s (%s)", a->code,
                   a->body.p ? a->body.p : "", a->why);
    bool head = a->body.n == 0 && strncmp(t->act->name, "head", 4) == 0;
    must(t, a->code == t->trouble->code, what);
    must(t, head || is_body(a, span_of(t->trouble->body)), what);
    must(t, strstr(a->why, strerrordesc_np(t->trouble->error)) != NULL, what);
}

static void ask_again(const struct attempt *t, struct scene *s)
{
    if (t->act->again) {
        t->act->again(s);
        return;
    }
    struct answer a = t->act->ask(s);
    must(t, a.code == t->act->code || (t->act->gone && a.code == t->act->gone),
         "it cannot be done again");
    if (a.code == t->act->code)
        must(t, t->act->holds(s, &a), "done again, it is not done");
    answer_fini(&a);
}

/* false: there was no such call any more. */
static bool attempt(struct attempt *t, struct scene *s, struct scene *live)
{
    struct fail fail = {.error = t->trouble->error, .how = t->trouble->how, .at = t->at};
    unsigned descriptors = count_descriptors();
    fail_begin(&fail);
    struct answer a = t->act->ask(s);
    t->call = fail_end();
    must(t, count_descriptors() == descriptors, "a descriptor is held");
    if (a.code == t->act->code) {
        must(t, t->act->holds(s, &a), "it is not done");
    } else {
        must(t, t->call != NULL, "it fails by itself");
        check_refusal(t, &a);
        if (t->act->is_sound && (t->trouble->how == FAIL_ONCE || t->act->is_sound != has_none))
            must(t, t->act->is_sound(s), "what is left is not sound");
        ask_again(t, s);
    }
    must(t, is_image_of_live(live), "another image has changed");
    must(t, !fail_has_lied(), "what was lost has become a blob");
    answer_fini(&a);
    return t->call != NULL;
}

/* ---- What is left. ---------------------------------------------------------------------- */

/* All that could be left of the failures is gone when those repositories are. */
static void check_rest(struct bench *b, struct scene *live, unsigned files)
{
    scene_collect(b);
    assert_true(is_image_of_live(live));
    scene_remove(b, "case");
    scene_remove(b, "elsewhere");
    scene_collect(b);
    assert_true(is_image_of_live(live));
    assert_int_equal(count_files(b, ""), files);
}

static void try_trouble(struct attempt *t, struct bench *b, struct scene *live, unsigned *seed)
{
    struct scene s;
    bool more = true;
    for (t->at = 0; more; t->at += t->trouble->step) {
        if (t->at == 0 || !t->act->reads) {
            scene_init(&s, b, ++*seed);
            t->act->before(&s);
        }
        more = attempt(t, &s, live);
        if (!more || !t->act->reads)
            scene_fini(&s);
    }
    if (t->act->reads)
        scene_remove(b, "case");
}

static void try_act(const struct act *act)
{
    struct bench b;
    struct scene live;
    struct attempt t = {.act = act};
    unsigned seed = 0;
    bench_init(&b);
    fail_forget();
    scene_init(&live, &b, seed);
    (void)snprintf(live.repo, sizeof(live.repo), "live");
    scene_push_image(&live, 0, "latest");
    unsigned files = count_files(&b, "");
    for (size_t i = 0; i < array_len(troubles); i++) {
        t.trouble = &troubles[i];
        try_trouble(&t, &b, &live, &seed);
    }
    check_rest(&b, &live, files);
    scene_fini(&live);
    bench_fini(&b);
}

static void test_requests(void **state)
{
    (void)state;
    const char *only = getenv("FAIL_ONLY"); /* one act by name, for whoever looks for a bug */
    for (size_t i = 0; i < array_len(acts); i++)
        if (!only || strcmp(only, acts[i].name) == 0)
            try_act(&acts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
    };
    if (access("/dev/shm", W_OK) == 0) /* thousands of small files */
        (void)setenv("TMPDIR", "/dev/shm", false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
