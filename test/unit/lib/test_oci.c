/* SPDX-License-Identifier: Apache-2.0
 *
 * oci: documents as image-spec manifest.md and image-index.md and Docker's schema 2 show
 * them, each with one thing wrong, and input made to hurt.
 */
#include "unit.h"

#include <stdlib.h>
#include <time.h>

#include "lib/oci.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define CONFIG                                                                                     \
    "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"size\":7023,"        \
    "\"digest\":\"sha256:" A64 "\"}"
#define LAYER                                                                                      \
    "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"size\":32654,"               \
    "\"digest\":\"sha256:" B64 "\"}"
#define CHILD                                                                                      \
    "{\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"size\":7143,\"digest\":\"sha256:" C64             \
    "\",\"platform\":{\"architecture\":\"ppc64le\",\"os\":\"linux\"}}"
#define TYPE(t) "\"mediaType\":\"" t "\","
#define V2 "{\"schemaVersion\":2,"
#define IMAGE V2 CONFIG ",\"layers\":[" LAYER "]}"
#define INDEX V2 "\"manifests\":[" CHILD "]}"
#define DOCKER V2 TYPE(OCI_MEDIA_DOCKER_MANIFEST) CONFIG ",\"layers\":[" LAYER "]}"
#define LIST V2 TYPE(OCI_MEDIA_DOCKER_LIST) "\"manifests\":[" CHILD "]}"

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct oci_manifest good(const char *json, const char *type)
{
    struct oci_manifest m;
    struct fault f;
    fault_init(&f, &arena);
    if (oci_parse(span_of(json), span_of(type), &arena, &m, &f) != RC_OK)
        fail_msg("%s: %s", f.first->detail, json);
    assert_int_equal(f.count, 0);
    return m;
}

static void bad_rc(struct span json, const char *type, enum rc rc)
{
    struct oci_manifest m = {.ref_count = 77};
    struct fault f;
    fault_init(&f, &arena);
    if (oci_parse(json, span_of(type), &arena, &m, &f) != rc)
        fail_msg("%s: %.*s", type, SPAN_ARG(json));
    assert_int_equal(f.count, 1);
    assert_int_equal(f.first->rc, rc);
    assert_non_null(f.first->detail);
    assert_int_equal(m.ref_count, 77);
    assert_int_equal(oci_parse(json, span_of(type), &arena, &m, NULL), rc);
}

static void bad(struct span json, const char *type)
{
    bad_rc(json, type, RC_MANIFEST_INVALID);
}

static void check_ref(const struct oci_descriptor *d, enum oci_role role, const char *digest,
                      uint64_t size, const char *type)
{
    assert_int_equal(d->role, role);
    assert_string_equal(digest_hex(&d->digest).s, digest);
    assert_true(d->size == size);
    assert_span(d->media_type, type);
    assert_false(d->foreign);
}

static void test_image(void **state)
{
    (void)state;
    char *json = strdup(IMAGE);
    struct oci_manifest m = good(json, OCI_MEDIA_MANIFEST);
    memset(json, 'x', strlen(json)); /* nothing is borrowed */
    free(json);
    assert_int_equal(m.kind, OCI_IMAGE);
    assert_string_equal(m.media_type, OCI_MEDIA_MANIFEST);
    assert_int_equal(m.ref_count, 2);
    check_ref(&m.refs[0], OCI_CONFIG, A64, 7023, "application/vnd.oci.image.config.v1+json");
    check_ref(&m.refs[1], OCI_LAYER, B64, 32654, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_false(m.has_subject);
}

static void test_index(void **state)
{
    (void)state;
    struct oci_manifest m = good(INDEX, OCI_MEDIA_INDEX);
    assert_int_equal(m.kind, OCI_INDEX);
    assert_int_equal(m.ref_count, 1);
    check_ref(&m.refs[0], OCI_CHILD, C64, 7143, OCI_MEDIA_MANIFEST);
    assert_int_equal(good(V2 "\"manifests\":[]}", OCI_MEDIA_INDEX).ref_count, 0);
}

/* What a stored document is, of which nobody wrote down the type. */
static void test_stored(void **state)
{
    (void)state;
    static const struct {
        const char *json, *type;
    } rows[] = {
        {IMAGE, OCI_MEDIA_MANIFEST},
        {INDEX, OCI_MEDIA_INDEX},
        {DOCKER, OCI_MEDIA_DOCKER_MANIFEST},
        {LIST, OCI_MEDIA_DOCKER_LIST},
        {V2 TYPE(OCI_MEDIA_MANIFEST) CONFIG "}", OCI_MEDIA_MANIFEST},
        {V2 TYPE(OCI_MEDIA_INDEX) "\"manifests\":[]}", OCI_MEDIA_INDEX},
        {V2 TYPE("") "\"manifests\":[]}", OCI_MEDIA_INDEX},
        {V2 "\"mediaType\":null," CONFIG ",\"manifests\":null}", OCI_MEDIA_MANIFEST},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        assert_string_equal(good(rows[i].json, "").media_type, rows[i].type);
        if (strstr(rows[i].json, "{\"schemaVersion\":2,\"mediaType\":\"a"))
            assert_string_equal(good(rows[i].json, rows[i].type).media_type, rows[i].type);
    }
}

static void test_content_types(void **state)
{
    (void)state;
    good(IMAGE, OCI_MEDIA_MANIFEST "; charset=utf-8");
    good(IMAGE, " application/vnd.OCI.image.manifest.v1+JSON ;x");
    static const char *const types[] = {
        "application/json",
        "text/plain",
        "application/octet-stream",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        OCI_MEDIA_MANIFEST "x",
        ";",
        "*/*",
        OCI_MEDIA_INDEX,           /* it has config and layers */
        OCI_MEDIA_DOCKER_MANIFEST, /* it has no mediaType */
        OCI_MEDIA_DOCKER_LIST,
    };
    for (size_t i = 0; i < array_len(types); i++)
        bad(SPAN(IMAGE), types[i]);
    bad(SPAN(DOCKER), OCI_MEDIA_MANIFEST);
    bad(SPAN(DOCKER), OCI_MEDIA_DOCKER_LIST);
    bad(SPAN(LIST), OCI_MEDIA_INDEX);
    bad(SPAN(INDEX), OCI_MEDIA_MANIFEST);
    bad(SPAN(INDEX), OCI_MEDIA_DOCKER_LIST);
}

static void test_find_media_type(void **state)
{
    (void)state;
    assert_string_equal(oci_media_type_find(SPAN(OCI_MEDIA_INDEX)), OCI_MEDIA_INDEX);
    assert_string_equal(oci_media_type_find(SPAN(" " OCI_MEDIA_DOCKER_LIST " ; q=0.5")),
                        OCI_MEDIA_DOCKER_LIST);
    assert_null(oci_media_type_find(SPAN("application/json")));
    assert_null(oci_media_type_find(SPAN("")));
    assert_null(oci_media_type_find(span_of(NULL)));
}

static void test_bad_types_in_body(void **state)
{
    (void)state;
    bad(SPAN(V2 TYPE("application/json") CONFIG "}"), "");
    bad(SPAN(V2 TYPE("application/json") CONFIG "}"), OCI_MEDIA_MANIFEST);
    bad(SPAN(V2 TYPE("APPLICATION/vnd.oci.image.manifest.v1+json") CONFIG "}"), "");
    bad(SPAN(V2 TYPE(OCI_MEDIA_MANIFEST ";a=b") CONFIG "}"), "");
    bad(SPAN(V2 "\"mediaType\":1," CONFIG "}"), "");
    bad(SPAN(V2 "\"mediaType\":[]," CONFIG "}"), OCI_MEDIA_MANIFEST);
}

static void test_versions(void **state)
{
    (void)state;
    bad(SPAN("{" CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":1," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":3," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":-2," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":2.5," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":4294967298," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":1e999," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":\"2\"," CONFIG "}"), "");
    bad(SPAN("{\"schemaVersion\":null," CONFIG "}"), "");
    bad(SPAN("{\"SchemaVersion\":2," CONFIG "}"), "");
}

/* CVE-2021-41190: a document must not be an image and an index at once. */
static void test_ambiguous(void **state)
{
    (void)state;
    bad(SPAN(V2 CONFIG ",\"layers\":[],\"manifests\":[]}"), OCI_MEDIA_MANIFEST);
    bad(SPAN(V2 CONFIG ",\"layers\":[],\"manifests\":[]}"), OCI_MEDIA_INDEX);
    bad(SPAN(V2 CONFIG ",\"layers\":[],\"manifests\":[]}"), "");
    bad(SPAN(V2 CONFIG ",\"manifests\":{}}"), "");
    bad(SPAN(V2 "\"layers\":[],\"manifests\":[]}"), OCI_MEDIA_INDEX);
    bad(SPAN(V2 "\"config\":{},\"manifests\":[]}"), "");
    good(V2 "\"config\":null,\"layers\":null,\"manifests\":[]}", OCI_MEDIA_INDEX);
}

/* Clients in Go read "Layers", and the last of several. */
static void test_names(void **state)
{
    (void)state;
    bad(SPAN(V2 CONFIG ",\"layers\":[" LAYER "],\"layers\":[]}"), "");
    bad(SPAN(V2 CONFIG ",\"layers\":[" LAYER "],\"Layers\":[]}"), "");
    bad(SPAN(V2 CONFIG ",\"LAYERS\":[" LAYER "]}"), "");
    bad(SPAN(V2 CONFIG ",\"layer\u017f\":[" LAYER "]}"), "");
    bad(SPAN(V2 CONFIG ",\"layer\xc5\xbf\":[" LAYER "]}"), "");
    bad(SPAN(V2 "\"schemaVersion\":2," CONFIG "}"), "");
    bad(SPAN(V2 CONFIG "," CONFIG "}"), "");
    bad(SPAN(V2 CONFIG ",\"subject\":{\"digest\":\"sha256:" A64 "\",\"Digest\":\"\"}}"), "");
    bad(SPAN(V2 "\"config\":{\"size\":1,\"Digest\":\"\",\"digest\":\"sha256:" A64 "\"}}"), "");
    bad(SPAN(V2 CONFIG ",\"artifactType\":\"a/b\",\"artifacttype\":\"c/d\"}"), "");
    good(V2 CONFIG ",\"layer\":1,\"layer\":2,\"Layer\":3,\"layerss\":4,\"layer\xc5\":5}", "");
    good(V2 CONFIG ",\"annotations\":{\"a\":\"1\",\"A\":\"2\"}}", "");
}

/* What cJSON takes, and other readers do not; or reads otherwise. */
static void test_unsound(void **state)
{
    (void)state;
    good(V2 CONFIG ",\"x\":\"\\\\u0000\"}", "");
    bad(SPAN(V2 CONFIG ",\"x\":\"\\u0000\"}"), "");
    bad(SPAN(V2 "\"config\":{\"size\":1,\"digest\":\"sha256:" A64 "\\u0000x\"}}"), "");
    bad(SPAN(V2 "\"mediaType\":\"" OCI_MEDIA_MANIFEST "\\u0000\"," CONFIG "}"), "");
    bad(SPAN(V2 CONFIG ",\"x\":\"a\nb\"}"), "");
    bad(SPAN(V2 CONFIG ",\"x\":01}"), "");
    bad(SPAN(V2 CONFIG ",\"x\":1.}"), "");
    bad(SPAN("\xef\xbb\xbf" IMAGE), "");
}

static void test_layers(void **state)
{
    (void)state;
    assert_int_equal(good(V2 CONFIG "}", "").ref_count, 1);
    assert_int_equal(good(V2 CONFIG ",\"layers\":null}", "").ref_count, 1);
    assert_int_equal(good(V2 CONFIG ",\"layers\":[]}", "").ref_count, 1);
    assert_int_equal(good(V2 CONFIG ",\"layers\":[" LAYER "," LAYER "," LAYER "]}", "").ref_count,
                     4);
    bad(SPAN(V2 CONFIG ",\"layers\":{}}"), "");
    bad(SPAN(V2 CONFIG ",\"layers\":\"\"}"), "");
    bad(SPAN(V2 CONFIG ",\"layers\":[null]}"), "");
    bad(SPAN(V2 CONFIG ",\"layers\":[" LAYER ",1]}"), "");
    bad(SPAN(V2 CONFIG ",\"layers\":[[" LAYER "]]}"), "");
    bad(SPAN(V2 "\"layers\":[" LAYER "]}"), "");
    bad(SPAN(V2 "\"config\":null}"), "");
    bad(SPAN(V2 "\"config\":\"x\"}"), "");
    bad(SPAN(V2 "\"config\":[]}"), "");
    bad(SPAN(V2 "\"manifests\":{}}"), OCI_MEDIA_INDEX);
}

#define WITH(fields) V2 "\"config\":{" fields "}}"
#define DIGEST "\"digest\":\"sha256:" A64 "\""

static void test_descriptors(void **state)
{
    (void)state;
    static const struct span digests[] = {
        SPAN(WITH("\"size\":1,\"digest\":\"\"")),
        SPAN(WITH("\"size\":1,\"digest\":\"sha256:abc\"")),
        SPAN(WITH("\"size\":1,\"digest\":\"md5:" A64 "\"")),
        SPAN(WITH("\"size\":1,\"digest\":\"" A64 "\"")),
        SPAN(WITH("\"size\":1,\"digest\":\"sha256:../../../../etc/passwd\"")),
    };
    static const struct span others[] = {
        SPAN(WITH("")),
        SPAN(WITH("\"size\":1")),
        SPAN(WITH("\"size\":1,\"digest\":1")),
        SPAN(WITH("\"size\":1,\"digest\":null")),
        SPAN(WITH("\"size\":\"1\"," DIGEST)),
        SPAN(WITH("\"size\":-1," DIGEST)),
        SPAN(WITH("\"size\":1.5," DIGEST)),
        SPAN(WITH("\"size\":1e300," DIGEST)),
        SPAN(WITH("\"size\":1e999," DIGEST)),
        SPAN(WITH("\"size\":18446744073709551616," DIGEST)),
        SPAN(WITH("\"size\":1,\"mediaType\":1," DIGEST)),
    };
    for (size_t i = 0; i < array_len(digests); i++)
        bad_rc(digests[i], "", RC_DIGEST_INVALID);
    for (size_t i = 0; i < array_len(others); i++)
        bad(others[i], "");
    struct oci_manifest m = good(WITH("\"size\":0," DIGEST), "");
    check_ref(&m.refs[0], OCI_CONFIG, A64, 0, "");
    m = good(WITH(DIGEST), ""); /* the registry image takes one without a size, too */
    assert_true(m.refs[0].size == 0);
    m = good(WITH(DIGEST), ""); /* the registry image takes one without a size, too */
    check_ref(&m.refs[0], OCI_CONFIG, A64, 0, "");
    m = good(WITH("\"size\":1099511627777," DIGEST), "");
    check_ref(&m.refs[0], OCI_CONFIG, A64, 1099511627777, "");
    m = good(WITH("\"size\":1,\"digest\":\"sha512:" A64 B64 "\""), "");
    assert_int_equal(m.refs[0].digest.alg, DIGEST_SHA512);
}

static bool is_foreign(const char *fields)
{
    char *json =
        arena_printf(&arena, V2 CONFIG ",\"layers\":[{\"size\":1," DIGEST ",%s}]}", fields);
    return good(json, "").refs[1].foreign;
}

static void test_foreign(void **state)
{
    (void)state;
    assert_true(is_foreign("\"urls\":[\"https://x/y\"]"));
    assert_true(
        is_foreign("\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\""));
    assert_true(
        is_foreign("\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar\""));
    assert_true(is_foreign(
        "\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip\""));
    assert_true(is_foreign(
        "\"mediaType\":\"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd\""));
    assert_false(is_foreign("\"urls\":[]"));
    assert_false(is_foreign("\"urls\":null"));
    assert_false(is_foreign("\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\""));
}

static void test_subject(void **state)
{
    (void)state;
    struct oci_manifest m =
        good(V2 CONFIG ",\"subject\":{\"mediaType\":\"" OCI_MEDIA_MANIFEST "\",\"size\":7,"
                       "\"digest\":\"sha256:" C64 "\"}}",
             OCI_MEDIA_MANIFEST);
    assert_true(m.has_subject);
    assert_string_equal(digest_hex(&m.subject).s, C64);
    assert_int_equal(m.ref_count, 1); /* it may be missing: it is no reference */
    m = good(V2 "\"manifests\":[],\"subject\":{\"digest\":\"sha256:" C64 "\"}}", OCI_MEDIA_INDEX);
    assert_true(m.has_subject);
    assert_false(good(V2 CONFIG ",\"subject\":null}", "").has_subject);
    bad(SPAN(V2 CONFIG ",\"subject\":1}"), "");
    bad(SPAN(V2 CONFIG ",\"subject\":{}}"), "");
    bad_rc(SPAN(V2 CONFIG ",\"subject\":{\"digest\":\"x\"}}"), "", RC_DIGEST_INVALID);
}

static void test_unknown_fields(void **state)
{
    (void)state;
    good(V2 CONFIG ",\"artifactType\":\"application/x\",\"annotations\":{\"a\":\"\\u0041\\\"\"},"
                   "\"x\":[1,{\"y\":null}],\"blobs\":[]}",
         OCI_MEDIA_MANIFEST);
    good(" \r\n\t" IMAGE " \r\n\t", OCI_MEDIA_MANIFEST);
}

static void test_not_json(void **state)
{
    (void)state;
    static const struct span rows[] = {
        SPAN(""),
        SPAN(" "),
        SPAN("null"),
        SPAN("2"),
        SPAN("\"x\""),
        SPAN("[]"),
        SPAN("{}"),
        SPAN("{"),
        SPAN("}"),
        SPAN("x"),
        SPAN(IMAGE "x"),
        SPAN(IMAGE "{}"),
        SPAN(IMAGE ","),
        SPAN(IMAGE "\0"),
        SPAN("\0" IMAGE),
        SPAN("{\"schemaVersion\":2,"),
        SPAN("{\"schemaVersion\":2,\"config\":{\"size\":1,\"digest\":\"sha256:"),
        SPAN("{\"schemaVersion\":2,\"a\":\"\0\"," CONFIG "}"),
        SPAN("{\"schemaVersion\0\":2," CONFIG "}"),
        SPAN("{'schemaVersion':2}"),
        SPAN("\xff\xfe{\0}\0"),
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        bad(rows[i], "");
        bad(rows[i], OCI_MEDIA_MANIFEST);
    }
    bad(span_of(NULL), "");
}

/* Every proper head of a document is refused, and read no further than it goes. */
static void test_cut_everywhere(void **state)
{
    (void)state;
    static const char json[] = DOCKER;
    for (size_t n = 0; n < sizeof(json) - 1; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, json, n);
        struct oci_manifest m;
        copy = realloc(copy, n ? n : 1);
        assert_int_equal(oci_parse(span_from(copy, n), SPAN(""), &arena, &m, NULL),
                         RC_MANIFEST_INVALID);
        free(copy);
    }
}

/* 4 MiB of one pattern after a head: refused, or taken, within seconds. */
static void check_heavy(const char *head, const char *pattern)
{
    char *json = malloc(OCI_MANIFEST_MAX);
    size_t n = strlen(head), len = strlen(pattern);
    struct oci_manifest m;
    memcpy(json, head, n);
    for (; n + len <= OCI_MANIFEST_MAX; n += len)
        memcpy(json + n, pattern, len);
    clock_t before = clock();
    assert_int_equal(oci_parse(span_from(json, n), SPAN(""), &arena, &m, NULL),
                     RC_MANIFEST_INVALID);
    assert_true((double)(clock() - before) / CLOCKS_PER_SEC < 10);
    free(json);
}

static void test_heavy(void **state)
{
    (void)state;
    check_heavy("", "[");
    check_heavy("", "{\"a\":");
    check_heavy("[", "[],");
    check_heavy("[", "0,");
    check_heavy("{", "\"\":0,");
    check_heavy("", "\"");
    check_heavy("\"", "\\u0041");
    check_heavy("\"", "x");
    check_heavy("", " ");
    check_heavy("", "-");
    check_heavy("", "1");
    check_heavy("", "\xff");
    check_heavy(V2 CONFIG ",\"layers\":[", "{},");
    check_heavy(V2 CONFIG ",\"layers\":[", LAYER ",");
}

/* A manifest with that many values in a field nobody knows. */
static enum rc parse_values(size_t count)
{
    static const char head[] = V2 CONFIG ",\"x\":[0";
    char *json = malloc(sizeof(head) + 2 * count + 2);
    size_t n = (size_t)sprintf(json, "%s", head);
    struct oci_manifest m;
    for (size_t i = 0; i < count; i++, n += 2)
        memcpy(json + n, ",0", 2);
    n += (size_t)sprintf(json + n, "]}");
    enum rc rc = oci_parse(span_from(json, n), SPAN(""), &arena, &m, NULL);
    free(json);
    return rc;
}

/* Each value costs memory out of proportion to its text. */
static void test_values_are_limited(void **state)
{
    (void)state;
    assert_int_equal(parse_values(200 * 1024), RC_OK);
    assert_int_equal(parse_values(300 * 1024), RC_MANIFEST_INVALID);
}

static void test_as_large_as_can_be(void **state)
{
    (void)state;
    struct buf {
        char *p;
        size_t n;
    } b = {malloc(OCI_MANIFEST_MAX), 0};
    size_t layers = 0;
    b.n = (size_t)sprintf(b.p, "%s", V2 CONFIG ",\"layers\":[");
    for (; b.n + sizeof(LAYER) + 3 < OCI_MANIFEST_MAX; layers++)
        b.n += (size_t)sprintf(b.p + b.n, "%s%s", layers ? "," : "", LAYER);
    b.n += (size_t)sprintf(b.p + b.n, "]}");
    struct oci_manifest m;
    assert_int_equal(oci_parse(span_from(b.p, b.n), SPAN(OCI_MEDIA_MANIFEST), &arena, &m, NULL),
                     RC_OK);
    assert_int_equal(m.ref_count, layers + 1);
    check_ref(&m.refs[layers], OCI_LAYER, B64, 32654,
              "application/vnd.oci.image.layer.v1.tar+gzip");
    free(b.p);
}

#define row(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        row(test_image),
        row(test_index),
        row(test_stored),
        row(test_content_types),
        row(test_find_media_type),
        row(test_bad_types_in_body),
        row(test_versions),
        row(test_ambiguous),
        row(test_names),
        row(test_unsound),
        row(test_layers),
        row(test_descriptors),
        row(test_foreign),
        row(test_subject),
        row(test_unknown_fields),
        row(test_not_json),
        row(test_cut_everywhere),
        row(test_heavy),
        row(test_values_are_limited),
        row(test_as_large_as_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
