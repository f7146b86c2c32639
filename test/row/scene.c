/* SPDX-License-Identifier: Apache-2.0 */
#include "test/row/scene.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gc/gc.h"
#include "storage/store.h"

static const char config[] = "{\"config\":1}";

static struct digest_text digest_text_of(struct span bytes)
{
    struct digest d = digest_of(DIGEST_SHA256, bytes);
    return digest_print(&d);
}

static char *image_text(const struct scene *s, const char *subject)
{
    char *text = NULL, end[256] = "";
    if (subject)
        (void)snprintf(end, sizeof(end),
                       ",\"subject\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1}",
                       OCI_MEDIA_MANIFEST, subject);
    assert_true(
        asprintf(&text,
                 "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{\"mediaType\":"
                 "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":12},"
                 "\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
                 "\"digest\":\"%s\",\"size\":%d}]%s}",
                 OCI_MEDIA_MANIFEST, digest_text_of(span_of(config)).s, s->layer_digest.s,
                 SCENE_LAYER, end) > 0);
    return text;
}

void scene_init(struct scene *s, struct bench *b, unsigned seed)
{
    *s = (struct scene){.bench = b};
    (void)snprintf(s->repo, sizeof(s->repo), "case/number-%u", seed);
    s->layer = pattern_bytes(SCENE_LAYER, seed);
    s->layer_digest = digest_text_of(s->layer);
    for (int i = 0; i < 2; i++) {
        s->images[i] = image_text(s, i > 0 ? s->digests[0].s : NULL);
        s->digests[i] = digest_text_of(span_of(s->images[i]));
    }
}

void scene_fini(struct scene *s)
{
    free((char *)s->layer.p);
    free(s->images[0]);
    free(s->images[1]);
}

/* ---- Requests. -------------------------------------------------------------------------- */

struct answer scene_ask(struct scene *s, enum http_method m, const char *tail, const char *arg,
                        struct span body)
{
    char target[1024];
    int n = snprintf(target, sizeof(target), "/v2/%s/", s->repo);
    const char *mark = strstr(tail, "%s");
    (void)snprintf(target + n, sizeof(target) - (size_t)n, "%.*s%s%s",
                   mark ? (int)(mark - tail) : (int)strlen(tail), tail, mark ? arg : "",
                   mark ? mark + 2 : "");
    return bench_ask(s->bench, m, target, body);
}

struct answer scene_put_image(struct scene *s, int image, const char *reference)
{
    char target[512];
    (void)snprintf(target, sizeof(target), "/v2/%s/manifests/%s", s->repo, reference);
    struct call c = {
        METHOD_PUT, target,  "Content-Type: " OCI_MEDIA_MANIFEST "\r\n", span_of(s->images[image]),
        0,          SIZE_MAX};
    return bench_call(s->bench, &c);
}

static void expect(struct answer a, int code)
{
    assert_int_equal(a.code, code);
    answer_fini(&a);
}

void scene_begin(struct scene *s)
{
    struct answer a = scene_ask(s, METHOD_POST, "blobs/uploads/", NULL, SPAN(""));
    assert_int_equal(a.code, 202);
    const char *location = answer_header(&a, "Location");
    assert_non_null(location);
    (void)snprintf(s->location, sizeof(s->location), "%s", location + strlen("http://reg.test"));
    answer_fini(&a);
}

void scene_patch(struct scene *s, struct span bytes)
{
    expect(bench_ask(s->bench, METHOD_PATCH, s->location, bytes), 202);
}

static struct answer post(struct scene *s, struct span bytes)
{
    return scene_ask(s, METHOD_POST, "blobs/uploads/?digest=%s", digest_text_of(bytes).s, bytes);
}

void scene_push_blobs(struct scene *s)
{
    expect(post(s, s->layer), 201);
    expect(post(s, span_of(config)), 201);
}

void scene_push_image(struct scene *s, int image, const char *tag)
{
    scene_push_blobs(s);
    expect(scene_put_image(s, image, tag), 201);
}

long scene_offset(struct scene *s)
{
    struct answer a = bench_ask(s->bench, METHOD_GET, s->location, SPAN(""));
    long offset = -1;
    if (a.code != 404) {
        assert_int_equal(a.code, 204);
        offset = atol(strstr(answer_header(&a, "Location"), "_state=") + strlen("_state="));
    }
    answer_fini(&a);
    return offset;
}

void scene_complete_layer(struct scene *s)
{
    char target[1024];
    long offset = scene_offset(s);
    if (offset < 0) {
        expect(post(s, s->layer), 201);
        return;
    }
    (void)snprintf(target, sizeof(target), "%s&digest=%s", s->location, s->layer_digest.s);
    expect(bench_ask(s->bench, METHOD_PUT, target, span_skip(s->layer, (size_t)offset)), 201);
}

/* ---- What there is. --------------------------------------------------------------------- */

int scene_has_layer(struct scene *s)
{
    struct answer a = scene_ask(s, METHOD_GET, "blobs/%s", s->layer_digest.s, SPAN(""));
    int code = a.code;
    if (code != 404) {
        assert_int_equal(code, 200);
        assert_true(span_eq(buf_span(&a.body), s->layer));
    }
    answer_fini(&a);
    return code == 200;
}

int scene_image_at(struct scene *s, const char *reference)
{
    struct answer a = scene_ask(s, METHOD_GET, "manifests/%s", reference, SPAN(""));
    int image = -1;
    if (a.code != 404) {
        assert_int_equal(a.code, 200);
        image = span_eq(buf_span(&a.body), span_of(s->images[1]));
        assert_true(span_eq(buf_span(&a.body), span_of(s->images[image])));
    }
    answer_fini(&a);
    return image;
}

/* ---- What goes. ------------------------------------------------------------------------- */

void scene_collect(struct bench *b)
{
    enum { HOUR_MS = 3600 * 1000 };
    struct gc *gc = NULL;
    enum gc_next next;
    const struct gc_options o = {.grace_ms = HOUR_MS, .upload_age_ms = HOUR_MS};
    pins_pass_time(&b->store->pins, 2 * HOUR_MS);
    assert_int_equal(gc_begin(b->store, &o, &gc, NULL), RC_OK);
    while ((next = gc_step(gc, 1000)) != GC_END)
        if (next == GC_PAUSE)
            pins_pass_time(&b->store->pins, GC_PAUSE_MS);
    assert_int_equal(gc_report(gc)->outcome, GC_DONE);
    assert_int_equal(gc_report(gc)->skipped_count, 0);
    gc_end(gc);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scene_remove(struct bench *b, const char *repo)
{
    enum { DESCRIPTORS = 16 };
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/docker/registry/v2/repositories/%s", b->root, repo);
    (void)nftw(path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

bool scene_lists(struct scene *s, const char *tag)
{
    char quoted[64];
    struct answer a = scene_ask(s, METHOD_GET, "tags/list", NULL, SPAN(""));
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", tag);
    bool listed = a.code == 200 && strstr(a.body.p, quoted);
    answer_fini(&a);
    return listed;
}
