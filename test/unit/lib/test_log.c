/* SPDX-License-Identifier: Apache-2.0
 *
 * log: lines as the registry image writes them, and that no value can forge one.
 */
#include "unit.h"

#include <regex.h>
#include <unistd.h>

#include "lib/log.h"

static char line[64 * 1024];

/* What was written since the last call. */
static const char *read_line(int fd)
{
    ssize_t n = read(fd, line, sizeof(line) - 1);
    line[n > 0 ? n : 0] = 0;
    return line;
}

static int begin(enum log_level level, enum log_format format, int fds[2])
{
    assert_int_equal(pipe(fds), 0);
    log_setup(level, format, fds[1]);
    return fds[0];
}

static void end(int fds[2])
{
    log_setup(LOG_INFO, LOG_TEXT, STDERR_FILENO);
    close(fds[0]);
    close(fds[1]);
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, text, 0, NULL, 0) != 0)
        fail_msg("%s does not match %s", text, pattern);
    regfree(&re);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{9}Z"

static void test_text(void **state)
{
    (void)state;
    int fds[2], fd = begin(LOG_INFO, LOG_TEXT, fds);
    const struct log_field fields[] = {
        {"a", SPAN("x/Y_1@^+.-")}, {"b", SPAN("")}, {"c", SPAN("two words")}, {NULL, {NULL, 0}}};
    log_line(LOG_WARN, fields, "listening on %s", "[::]:5000");
    assert_matches(read_line(fd), "^time=\"" TIME "\" level=warning msg=\"listening on "
                                  "\\[::\\]:5000\" a=x/Y_1@\\^\\+\\.- b= c=\"two words\"\n$");
    end(fds);
}

static void test_json(void **state)
{
    (void)state;
    int fds[2], fd = begin(LOG_INFO, LOG_JSON, fds);
    const struct log_field fields[] = {{"a", SPAN("x\"\n\xff")}, {NULL, {NULL, 0}}};
    log_line(LOG_ERROR, fields, "m %d", 1);
    assert_matches(read_line(fd), "^\\{\"time\":\"" TIME "\",\"level\":\"error\",\"msg\":\"m 1\","
                                  "\"a\":\"x\\\\\"\\\\n\xef\xbf\xbd\"\\}\n$");
    end(fds);
}

static void test_levels(void **state)
{
    (void)state;
    const char *names[] = {"level=error", "level=warning", "level=info", "level=debug"};
    for (int setting = LOG_ERROR; setting <= LOG_DEBUG; setting++) {
        int fds[2], fd = begin((enum log_level)setting, LOG_TEXT, fds);
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
            assert_int_equal(log_enabled((enum log_level)level), level <= setting);
            log_line((enum log_level)level, NULL, "x");
            if (level <= setting)
                assert_non_null(strstr(read_line(fd), names[level]));
        }
        close(fds[1]);
        assert_string_equal(read_line(fd), "");
        close(fds[0]);
    }
}

/* Every byte as a value: one line feed at the end, no control character, quotes balanced. */
static void test_forging(void **state)
{
    (void)state;
    int fds[2];
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        int fd = begin(LOG_INFO, (enum log_format)format, fds);
        for (int c = 0; c < 256; c++) {
            char text[] = {'a', (char)c, '"', ' ', 'b'};
            const struct log_field fields[] = {{"k", {text, sizeof(text)}}, {NULL, {NULL, 0}}};
            log_line(LOG_INFO, fields, "m");
            const char *s = read_line(fd);
            size_t n = strlen(s);
            assert_int_equal(s[n - 1], '\n');
            for (size_t i = 0; i + 1 < n; i++)
                assert_true((unsigned char)s[i] >= ' ');
            assert_non_null(strstr(s, "\\\" b\""));
        }
        end(fds);
    }
}

static void test_bound(void **state)
{
    (void)state;
    static char huge[1000000];
    memset(huge, '\n', sizeof(huge) - 1);
    struct log_field fields[33] = {{NULL, {NULL, 0}}};
    for (int i = 0; i < 32; i++)
        fields[i] = (struct log_field){"k", {huge, sizeof(huge) - 1}};
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        int fds[2], fd = begin(LOG_INFO, (enum log_format)format, fds);
        log_line(LOG_INFO, fields, "%s", huge);
        const char *s = read_line(fd);
        size_t n = strlen(s);
        assert_true(n > 1000 && n < 40000);
        assert_string_equal(s + n - 3, format == LOG_JSON ? "\"}\n" : "n\"\n");
        end(fds);
    }
}

static void test_fields_of_every_line(void **state)
{
    (void)state;
    int fds[2], fd = begin(LOG_INFO, LOG_TEXT, fds);
    const struct log_field own[] = {{"own", SPAN("1")}, {NULL, {NULL, 0}}};
    struct log_field all[] = {{"service", SPAN("a b")}, {"empty", SPAN("")}, {NULL, {NULL, 0}}};
    log_set_fields(all);
    all[0].key = "changed"; /* they were copied */
    log_line(LOG_INFO, own, "x");
    assert_matches(read_line(fd), " msg=x own=1 service=\"a b\" empty=\n$");
    log_setup(LOG_INFO, LOG_JSON, fds[1]);
    log_info("x");
    assert_matches(read_line(fd), ",\"msg\":\"x\",\"service\":\"a b\",\"empty\":\"\"}\n$");
    log_set_fields(NULL);
    log_info("x");
    assert_matches(read_line(fd), ",\"msg\":\"x\"}\n$");
    end(fds);
}

static void test_logstash(void **state)
{
    (void)state;
    int fds[2], fd = begin(LOG_INFO, LOG_LOGSTASH, fds);
    log_warn("x");
    assert_matches(read_line(fd), "^\\{\"@timestamp\":\"" TIME "\",\"@version\":\"1\","
                                  "\"level\":\"warning\",\"message\":\"x\"}\n$");
    end(fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),     cmocka_unit_test(test_json),
        cmocka_unit_test(test_levels),   cmocka_unit_test(test_forging),
        cmocka_unit_test(test_bound),    cmocka_unit_test(test_fields_of_every_line),
        cmocka_unit_test(test_logstash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
