/* SPDX-License-Identifier: Apache-2.0
 *
 * config with what people have who ran the registry image: its own files, its sections,
 * their variables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/log.h"
#include "test/unit/server/config_fixture.h"

static const char default_2[] = "version: 0.1\n"
                                "log:\n"
                                "  fields:\n"
                                "    service: registry\n"
                                "storage:\n"
                                "  cache:\n"
                                "    blobdescriptor: inmemory\n"
                                "  filesystem:\n"
                                "    rootdirectory: /var/lib/registry\n"
                                "http:\n"
                                "  addr: :5000\n"
                                "  headers:\n"
                                "    X-Content-Type-Options: [nosniff]\n"
                                "health:\n"
                                "  storagedriver:\n"
                                "    enabled: true\n"
                                "    interval: 10s\n"
                                "    threshold: 3\n";
static const char default_3[] = "version: 0.1\n"
                                "log:\n"
                                "  level: debug\n"
                                "  fields:\n"
                                "    service: registry\n"
                                "    environment: development\n"
                                "storage:\n"
                                "  delete:\n"
                                "    enabled: true\n"
                                "  cache:\n"
                                "    blobdescriptor: inmemory\n"
                                "  filesystem:\n"
                                "    rootdirectory: /var/lib/registry\n"
                                "  tag:\n"
                                "    concurrencylimit: 5\n"
                                "http:\n"
                                "  addr: :5000\n"
                                "  debug:\n"
                                "    addr: :5001\n"
                                "    prometheus:\n"
                                "      enabled: true\n"
                                "      path: /metrics\n"
                                "health:\n"
                                "  storagedriver:\n"
                                "    enabled: true\n"
                                "    interval: 10s\n"
                                "    threshold: 3\n";

static void test_the_configuration_of_registry_2(void **state)
{
    static const char *const wanted[] = {
        ":6: storage.cache: not supported yet, ignored",
        NULL,
    };
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".yml", default_2, no_env);
    assert_string_equal(x.config->http_addr, ":5000");
    assert_string_equal(x.config->root_directory, "/var/lib/registry");
    assert_false(x.config->delete_enabled);
    fixture_warnings(&x, wanted);
    fixture_end(&x);
}

static void test_the_configuration_of_registry_3(void **state)
{
    static const char *const wanted[] = {
        ":10: storage.cache: not supported yet, ignored",
        ":14: storage.tag: not supported yet, ignored",
        NULL,
    };
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".yml", default_3, no_env);
    assert_int_equal(x.config->log_level, LOG_DEBUG);
    assert_true(x.config->delete_enabled);
    assert_string_equal(x.config->debug_addr, ":5001");
    assert_true(x.config->metrics_enabled);
    fixture_warnings(&x, wanted);
    fixture_end(&x);
}

static void test_upload_purging(void **state)
{
    static const char text[] =
        "version: 0.1\n"
        "storage:\n"
        "  maintenance:\n"
        "    uploadpurging: {enabled: false, age: 12h, interval: 1h30m, dryrun: true}\n";
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".yml", text, no_env);
    assert_false(x.config->purge_enabled);
    assert_true(x.config->purge_dry_run);
    assert_int_equal(x.config->purge_age, 12 * 3600 * 1000);
    assert_int_equal(x.config->purge_interval, 90 * 60 * 1000);
    assert_null(conf_warning(x.config->conf, 0));
    fixture_end(&x);
}

static void test_sections_that_are_ignored(void **state)
{
    static const char *const rows[][2] = {
        {"http:\n  h2c: {enabled: true}\n", ":3: http.h2c"},
        {"storage:\n  redirect: {disable: true}\n", ":3: storage.redirect"},
        {"log:\n  hooks: [{type: mail, levels: [panic]}]\n", ":3: log.hooks"},
        {"log:\n  reportcaller: true\n", ":3: log.reportcaller"},
        {"middleware:\n  storage:\n    - name: redirect\n      options: {baseurl: x}\n",
         ":2: middleware"},
        {"reporting: {bugsnag: {apikey: x}}\n", ":2: reporting"},
        {"redis: {addr: x, pool: {maxidle: 1}}\n", ":2: redis"},
        {"validation: {manifests: {urls: {allow: [x]}}}\n", ":2: validation"},
        {"policy: {repository: {classes: [image]}}\n", ":2: policy"},
        {"compatibility: {schema1: {enabled: true}}\n", ":2: compatibility"},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        char text[256], wanted[128];
        const char *warnings[] = {wanted, NULL};
        fixture_begin(&x);
        snprintf(text, sizeof(text), "version: 0.1\n%s", rows[i][0]);
        snprintf(wanted, sizeof(wanted), "%s: not supported yet, ignored", rows[i][1]);
        fixture_load(&x, ".yml", text, no_env);
        fixture_warnings(&x, warnings);
        fixture_end(&x);
    }
}

/* The detail without the path of the file. */
static const char *load_bad(struct fixture *x, const char *suffix, const char *text)
{
    fixture_write(x, suffix, text, strlen(text));
    assert_int_equal(fixture_try(x, x->path, no_env), RC_INTERNAL);
    assert_null(x->config);
    assert_memory_equal(fixture_detail(x), x->path, strlen(x->path));
    return fixture_detail(x) + strlen(x->path);
}

#define NO_HTPASSWD ": expected path, and maybe realm"
#define NO_TOKEN                                                                                   \
    ": expected realm, service, issuer, and rootcertbundle or jwks; maybe signingalgorithms, "     \
    "autoredirect, autoredirectpath"
#define NO_SILLY ": it lets everybody in who says anything: there is no such auth here"
#define NO_ACME                                                                                    \
    ": certificates from Let's Encrypt are not supported: another program gets them, and "         \
    "http.tls.certificate names the file"
#define NO_PROXY                                                                                   \
    ": a pull-through cache is not supported yet: refusing to start as one that takes pushes"
#define NO_DRIVER ": there is no such storage driver here, only filesystem"

static void test_what_would_weaken_is_refused(void **state)
{
    static const char *const rows[][2] = {
        {"auth:\n  htpasswd:\n", ":3: auth.htpasswd" NO_HTPASSWD},
        {"auth:\n  htpasswd: /x\n", ":3: auth.htpasswd" NO_HTPASSWD},
        {"auth:\n  htpasswd:\n    file: /x\n", ":4: auth.htpasswd.file" NO_HTPASSWD},
        {"auth:\n  token:\n    key: x\n", ":4: auth.token.key" NO_TOKEN},
        {"auth: {silly: {realm: x}}\n", ":2: auth.silly" NO_SILLY},
        {"auth: silly\n", ":2: auth.silly" NO_SILLY},
        {"auth: [x]\n", ":2: auth: expected none, htpasswd or token, got a list"},
        {"auth: basic\n", ":2: auth: expected none, htpasswd or token, got \"basic\""},
        {"http: {tls: {letsencrypt: {cachefile: /x}}}\n",
         ":2: http.tls.letsencrypt.cachefile" NO_ACME},
        {"http: {tls: {letsencrypt: {hosts: [a.org]}}}\n",
         ":2: http.tls.letsencrypt.hosts" NO_ACME},
        {"http: {tls: /x}\n", ":2: http.tls: expected a section, got a value"},
        {"http: {tls: {minimumtls: ssl3}}\n",
         ":2: http.tls.minimumtls: expected tls1.2, tls1.3, tls1.0 or tls1.1, got \"ssl3\""},
        {"proxy: {remoteurl: 'https://h'}\n", ":2: proxy.remoteurl" NO_PROXY},
        {"storage:\n  s3:\n    bucket: x\n", ":3: storage.s3" NO_DRIVER},
        {"storage:\n  inmemory:\n", ":3: storage.inmemory" NO_DRIVER},
        {"storage: inmemory\n", ":2: storage.inmemory" NO_DRIVER},
        {"storage: {azure: {}}\n", ":2: storage.azure" NO_DRIVER},
        {"storage: {gcs: {bucket: x}}\n", ":2: storage.gcs" NO_DRIVER},
        {"storage: swift\n", ":2: storage.swift" NO_DRIVER},
        {"storage: oss\n", ":2: storage.oss" NO_DRIVER},
        {"storage: tape\n", ":2: storage: expected filesystem, got \"tape\""},
        {"http: {net: unix}\n", ":2: http.net: expected tcp, got \"unix\""},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        char text[256];
        fixture_begin(&x);
        snprintf(text, sizeof(text), "version: 0.1\n%s", rows[i][0]);
        assert_string_equal(load_bad(&x, ".yml", text), rows[i][1]);
        fixture_end(&x);
    }
}

static void test_what_weakens_nothing_is_taken(void **state)
{
    static const char *const rows[] = {
        "auth:\n",
        "auth: none\n",
        "auth: {}\n",
        "http: {tls: {certificate: '', key: }}\n",
        "http: {tls: }\n",
        "http: {tls: {letsencrypt: {cachefile: '', email: ''}}}\n",
        "http: {http2: {disabled: true}}\n",
        "proxy:\n",
        "proxy: {remoteurl: '', username: , password: , ttl: }\n",
        "storage: filesystem\n",
        "storage: {filesystem: }\n",
        "storage:\n",
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        char text[256];
        fixture_begin(&x);
        snprintf(text, sizeof(text), "version: 0.1\n%s", rows[i]);
        fixture_load(&x, ".yml", text, no_env);
        assert_null(conf_warning(x.config->conf, 0));
        fixture_end(&x);
    }
}

/* Whatever is missing of it: a registry that was meant to be closed is not open. */
static void test_an_auth_that_is_mentioned_is_meant(void **state)
{
    static const struct {
        const char *text;
        enum auth_type want;
    } rows[] = {
        {"auth: htpasswd\n", AUTH_HTPASSWD},
        {"auth: token\n", AUTH_TOKEN},
        {"auth:\n  htpasswd: {}\n", AUTH_HTPASSWD},
        {"auth:\n  token: {}\n", AUTH_TOKEN},
        {"auth: {htpasswd: {realm: x}}\n", AUTH_HTPASSWD},
        {"auth: {htpasswd: {path: /x}}\n", AUTH_HTPASSWD},
        {"auth: {token: {signingalgorithms: [RS256]}}\n", AUTH_TOKEN},
        {"auth: {token: {autoredirect: true}}\n", AUTH_TOKEN},
        {"auth: none\n", AUTH_NONE},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        struct fixture x;
        char text[256];
        fixture_begin(&x);
        snprintf(text, sizeof(text), "version: 0.1\n%s", rows[i].text);
        fixture_load(&x, ".yml", text, no_env);
        assert_int_equal(x.config->auth_type, rows[i].want);
        fixture_end(&x);
    }
}

static void test_two_kinds_of_auth(void **state)
{
    static const char *const env[] = {"REGISTRY_AUTH_TOKEN_ISSUER=x",
                                      "REGISTRY_AUTH_HTPASSWD_PATH=/x", NULL};
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    assert_int_equal(fixture_try(&x, NULL, env), RC_INTERNAL);
    assert_string_equal(fixture_detail(&x), "auth: expected htpasswd or token, got both");
    fixture_end(&x);
}

static void test_another_kind_of_auth_by_a_variable(void **state)
{
    static const char *const env[] = {"REGISTRY_AUTH={token: {realm: x}}", NULL};
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, ".yml", "version: 0.1\nauth: {htpasswd: {realm: x, path: /x}}\n", env);
    assert_int_equal(x.config->auth_type, AUTH_TOKEN);
    assert_string_equal(x.config->htpasswd_path, "");
    fixture_end(&x);
}

static void test_refused_variables(void **state)
{
    static const char *const rows[][2] = {
        {"REGISTRY_AUTH=silly", "REGISTRY_AUTH: auth.silly" NO_SILLY},
        {"REGISTRY_AUTH={htpasswd: }", "REGISTRY_AUTH: auth.htpasswd" NO_HTPASSWD},
        {"REGISTRY_AUTH_SILLY_REALM=x", "REGISTRY_AUTH_SILLY_REALM" NO_SILLY},
        {"REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL=a@b", "REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL" NO_ACME},
        {"REGISTRY_HTTP_TLS={letsencrypt: {email: a@b}}",
         "REGISTRY_HTTP_TLS: http.tls.letsencrypt.email" NO_ACME},
        {"REGISTRY_STORAGE=s3", "REGISTRY_STORAGE: storage.s3" NO_DRIVER},
        {"REGISTRY_STORAGE_S3_BUCKET=x", "REGISTRY_STORAGE_S3_BUCKET" NO_DRIVER},
        {"REGISTRY_PROXY_REMOTEURL=https://h", "REGISTRY_PROXY_REMOTEURL" NO_PROXY},
        {"REGISTRY_PROXY={username: x, remoteurl: 'https://h'}",
         "REGISTRY_PROXY: proxy.remoteurl" NO_PROXY},
        {"REGISTRY_AUTH_HTPASWD_PATH=/x", "REGISTRY_AUTH_HTPASWD_PATH: unknown option"},
        {"REGISTRY_STORAGE_FILESYTEM_ROOTDIRECTORY=/x",
         "REGISTRY_STORAGE_FILESYTEM_ROOTDIRECTORY: unknown option"},
        {"REGISTRY_LOG_LEVEL=loud",
         "REGISTRY_LOG_LEVEL: expected error, warn, info or debug, got \"loud\""},
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i][0], NULL};
        struct fixture x;
        fixture_begin(&x);
        assert_int_equal(fixture_try(&x, NULL, env), RC_INTERNAL);
        assert_string_equal(fixture_detail(&x), rows[i][1]);
        fixture_end(&x);
    }
}

static void test_variables_people_have(void **state)
{
    static const char *const env[] = {
        "REGISTRY_AUTH_SERVICE_HOST=10.0.0.1",
        "REGISTRY_HTTP_ADDR=0.0.0.0:5000",
        "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin=[http://ui]",
        "REGISTRY_HTTP_SECRET=asecretforlocaldevelopment",
        "REGISTRY_HTTP_TLS_CERTIFICATE=",
        "REGISTRY_PORT=tcp://10.0.0.1:5000",
        "REGISTRY_PROXY_PASSWORD=",
        "REGISTRY_PROXY_REMOTEURL=",
        "REGISTRY_SERVICE_HOST=10.0.0.1",
        "REGISTRY_STORAGE=filesystem",
        "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR=inmemory",
        "REGISTRY_STORAGE_DELETE={\"enabled\": true}",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/data",
        "REGISTRY_STORAGE_MAINTENANCE={\"readonly\": {\"enabled\": true}}",
        NULL,
    };
    static const char *const wanted[] = {
        "REGISTRY_AUTH_SERVICE_HOST: unknown variable, ignored",
        "REGISTRY_PORT: unknown variable, ignored",
        "REGISTRY_SERVICE_HOST: unknown variable, ignored",
        "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: storage.cache: not supported yet, ignored",
        NULL,
    };
    struct fixture x;

    (void)state;
    fixture_begin(&x);
    fixture_load(&x, NULL, NULL, env);
    assert_string_equal(x.config->http_addr, "0.0.0.0:5000");
    assert_string_equal(x.config->http_secret, "asecretforlocaldevelopment");
    assert_true(span_starts(x.config->extra_headers, SPAN("Access-Control-Allow-Origin: ")));
    assert_string_equal(x.config->root_directory, "/data");
    assert_true(x.config->delete_enabled);
    assert_true(x.config->readonly);
    fixture_warnings(&x, wanted);
    fixture_end(&x);
}

static void test_forms_of_readonly(void **state)
{
    static const char *const rows[] = {
        "REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED=true",
        "REGISTRY_STORAGE_MAINTENANCE_READONLY={enabled: true}",
        "REGISTRY_STORAGE_MAINTENANCE={readonly: {enabled: 'true'}}",
        "REGISTRY_STORAGE={maintenance: {readonly: {enabled: yes}}}",
    };

    (void)state;
    for (size_t i = 0; i < array_len(rows); i++) {
        const char *env[] = {rows[i], NULL};
        struct fixture x;
        fixture_begin(&x);
        fixture_load(&x, ".yml",
                     "version: 0.1\nstorage: {maintenance: {readonly: {enabled: false}}}\n", env);
        assert_true(x.config->readonly);
        fixture_end(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_configuration_of_registry_2),
        cmocka_unit_test(test_the_configuration_of_registry_3),
        cmocka_unit_test(test_upload_purging),
        cmocka_unit_test(test_sections_that_are_ignored),
        cmocka_unit_test(test_what_would_weaken_is_refused),
        cmocka_unit_test(test_what_weakens_nothing_is_taken),
        cmocka_unit_test(test_an_auth_that_is_mentioned_is_meant),
        cmocka_unit_test(test_two_kinds_of_auth),
        cmocka_unit_test(test_another_kind_of_auth_by_a_variable),
        cmocka_unit_test(test_refused_variables),
        cmocka_unit_test(test_variables_people_have),
        cmocka_unit_test(test_forms_of_readonly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
