#include <string.h>

#include "server/negotiate.h"
#include "server/problem_texts.h"

/* The pages that the `type` of a problem names: for a program as JSON, for whoever follows the link as HTML.
 */

static const char *text_of(const struct srv_request *request, const struct srv_problem *problem,
                           enum srv_language language)
{
    return srv_problem_detail(request->ctx.arena, problem, language, NULL);
}

static void add_string(struct stw_buf *body, const char *text)
{
    stw_buf_add_json(body, text, strlen(text));
}

static void add_both(struct stw_buf *body, const char *name, const char *english, const char *chinese)
{
    stw_buf_add_text(body, ",\"");
    stw_buf_add_text(body, name);
    stw_buf_add_text(body, "\":{\"en\":");
    add_string(body, english);
    stw_buf_add_text(body, ",\"zh\":");
    add_string(body, chinese);
    stw_buf_add_char(body, '}');
}

static void add_json(struct srv_request *request, const struct srv_problem *problem, struct stw_buf *body)
{
    const char *name = stw_code_name(problem->code);

    stw_buf_add_text(body, "{\"type\":\"/problems/");
    stw_buf_add_text(body, name);
    stw_buf_add_text(body, "\",\"code\":");
    add_string(body, name);
    if (problem->status)
        stw_buf_printf(body, ",\"status\":%d", problem->status);
    else
        stw_buf_add_text(body, ",\"status\":null");
    add_both(body, "title", problem->title[SRV_ENGLISH], problem->title[SRV_CHINESE]);
    add_both(body, "detail", text_of(request, problem, SRV_ENGLISH), text_of(request, problem, SRV_CHINESE));
    stw_buf_add_char(body, '}');
}

static void add_html(struct stw_buf *body, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            stw_buf_add_text(body, "&amp;");
            break;
        case '<':
            stw_buf_add_text(body, "&lt;");
            break;
        case '>':
            stw_buf_add_text(body, "&gt;");
            break;
        case '"':
            stw_buf_add_text(body, "&quot;");
            break;
        case '\'':
            stw_buf_add_text(body, "&#39;");
            break;
        default:
            stw_buf_add_char(body, *text);
        }
    }
}

static void html_start(struct stw_buf *body, enum srv_language language, const char *title)
{
    stw_buf_add_text(body, "<!doctype html>\n<html lang=\"");
    stw_buf_add_text(body, language == SRV_CHINESE ? "zh-CN" : "en");
    stw_buf_add_text(body, "\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    add_html(body, title);
    stw_buf_add_text(
        body, "</title>\n<style>body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 "
              "1em}dt{margin-top:1em}dd{margin-left:1.5em}</style>\n</head>\n<body>\n<h1>");
    add_html(body, title);
    stw_buf_add_text(body, "</h1>\n<dl>\n");
}

static void html_row(struct srv_request *request, const struct srv_problem *problem, struct stw_buf *body)
{
    const char *name = stw_code_name(problem->code);

    stw_buf_add_text(body, "<dt><a href=\"/problems/");
    add_html(body, name);
    stw_buf_add_text(body, "\"><code>");
    add_html(body, name);
    stw_buf_add_text(body, "</code></a>");
    if (problem->status)
        stw_buf_printf(body, " (%d)", problem->status);
    stw_buf_add_text(body, " ");
    add_html(body, problem->title[request->language]);
    stw_buf_add_text(body, "</dt>\n<dd>");
    add_html(body, text_of(request, problem, request->language));
    stw_buf_add_text(body, "</dd>\n");
}

struct page {
    struct srv_request *request;
    struct stw_buf *body;
    bool html;
    bool first;
};

static void add_row(void *self, const struct srv_problem *problem)
{
    struct page *page = self;

    if (page->html) {
        html_row(page->request, problem, page->body);
        return;
    }
    if (!page->first)
        stw_buf_add_char(page->body, ',');
    page->first = false;
    add_json(page->request, problem, page->body);
}

struct search {
    const char *name;
    const struct srv_problem *found;
};

static void match_name(void *self, const struct srv_problem *problem)
{
    struct search *search = self;

    if (strcmp(stw_code_name(problem->code), search->name) == 0)
        search->found = problem;
}

static void write_list(struct page *page)
{
    static const char *const titles[2] = {"Problems", "错误代码"};

    if (page->html)
        html_start(page->body, page->request->language, titles[page->request->language]);
    else
        stw_buf_add_text(page->body, "{\"data\":[");
    srv_problem_each(add_row, page);
    if (!page->html)
        stw_buf_add_text(page->body, "],\"next_cursor\":null}");
}

static void write_one(struct page *page, const struct srv_problem *problem)
{
    if (page->html)
        html_start(page->body, page->request->language, problem->title[page->request->language]);
    add_row(page, problem);
}

enum stw_code srv_problem_page(struct srv_request *request, struct srv_reply *reply)
{
    struct page page = {.request = request, .body = &reply->body, .first = true};
    struct search search = {.name = request->parameters[0]};
    int html = srv_negotiate_quality(request, "text/html");
    int json = srv_negotiate_quality(request, "application/json");
    enum stw_code code = srv_negotiate_no_query(request);

    if (code != STW_OK)
        return code;
    page.html = html > json;
    code = html == 0 ? srv_negotiate_accept(request, "application/json") : STW_OK;
    if (code != STW_OK)
        return code;
    if (search.name)
        srv_problem_each(match_name, &search);
    if (search.name && !search.found)
        return STW_NOT_FOUND;
    if (search.name)
        write_one(&page, search.found);
    else
        write_list(&page);
    if (page.html) {
        stw_buf_add_text(page.body, "</dl>\n</body>\n</html>\n");
        reply->content_type = "text/html; charset=utf-8";
        srv_reply_header(reply, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
        srv_reply_header(reply, "Content-Language", request->language == SRV_CHINESE ? "zh-CN" : "en");
    }
    srv_reply_header(reply, "Vary", "Accept, Accept-Language");
    reply->status = 200;
    return STW_OK;
}

const struct srv_route srv_problem_routes[] = {
    {SRV_GET, "/problems", SRV_AUTH_NONE, 0, srv_problem_page, NULL, "listProblems",
     "Lists the codes that problem answers may bear."},
    {SRV_GET, "/problems/{code}", SRV_AUTH_NONE, 0, srv_problem_page, NULL, "getProblem",
     "Explains one code of problem answers."},
};
const size_t srv_problem_route_count = sizeof(srv_problem_routes) / sizeof(srv_problem_routes[0]);
