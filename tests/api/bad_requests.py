"""What no decent client sends, byte by byte: the table for test_bad_requests.py.

A row is a Case: its name, the bytes, the statuses that may answer (0: a close without an answer) and what becomes of the
connection. Behind the bytes of each comes HIDDEN, which must never be executed, or, where the connection goes on, a good
request. KEY and CANARY stand for the real key and for a mark of the row's own, of the same lengths."""

import zlib
from dataclasses import dataclass

from harness.wire import request

KEY = "stwk_" + "k" * 76
WRONG_KEY = "stwk_" + "w" * 76  # HIDDEN's: behind HAProxy it must not be good, see test_bad_requests.py
CANARY = "canary-00000000"

CLOSES, GOES_ON = "closes", "goes on"
# Who may have made the answer besides Steward: libmicrohttpd, whose body is HTML of its own. From 1.0 on it is stricter, and
# has 400 for most. Behind an answer of its own, as behind none, the connection is closed.
NEVER, ALWAYS, SINCE_1_0 = "never", "always", "since 1.0"
# Steps of a slow client; a number is a pause in seconds.
HALF_CLOSE, RESET = "half close", "reset"

AUTH, JSON, CHUNKED = f"Authorization: Bearer {KEY}", "Content-Type: application/json", "Transfer-Encoding: chunked"
LEADS = "/v1/leads"
LEAD = b'{"name":"%s"}' % CANARY.encode()
HIDDEN = (request("GET", f"/v1/{CANARY}", [f"X-Request-Id: {CANARY}"]) +
          request("POST", LEADS, [f"Authorization: Bearer {WRONG_KEY}", JSON, f"Content-Length: {len(LEAD)}"], LEAD))
ID = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Case:
    name: str
    data: object  # bytes, or a list of bytes and steps
    statuses: object
    then: str = CLOSES
    library: str = NEVER
    before: int = 0  # good requests in front, each answered by 200

    def allowed(self, microhttpd):
        """The statuses, and whether libmicrohttpd may have made the answer."""
        statuses = {self.statuses} if isinstance(self.statuses, int) else set(self.statuses)
        if self.library == SINCE_1_0 and microhttpd >= (1, 0):
            return statuses | {400}, True
        return statuses, self.library == ALWAYS


def get(target="/livez", *fields, **more):
    return request("GET", target, fields, **more)


def leads(query):
    return get(f"{LEADS}?{query}", AUTH)


def post(*fields, body=b"", target=LEADS, **more):
    return request("POST", target, [AUTH, JSON, *fields], body, **more)


def sent(body, *fields, method="POST", target=LEADS):
    """With a right Content-Length."""
    return request(method, target, [AUTH, *(fields or [JSON]), f"Content-Length: {len(body)}"], body)


def chunked(body, *fields, **more):
    return post(CHUNKED, *fields, body=body, **more)


def lines(text):
    return text.replace("\n", "\r\n").encode("latin-1")


def padded(size):
    """A good request whose head has so many bytes."""
    bare = len(get("/livez", "X-Pad: "))
    return get("/livez", "X-Pad: " + "x" * (size - bare))


def chunk(data, extension=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def shown(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(value)})"


def every(label, values, make, *rest, **more):
    """A row for each value."""
    return [Case(f"{label} {shown(value)}", make(value), *rest, **more) for value in values]


def controls(*but):
    return [chr(code) for code in (*range(0x20), 0x7f) if chr(code) not in but]


REQUEST_LINES = [
    *every("method", ["get", "BREW", "TRACE", "PRI", "G", "GET" * 30], lambda m: request(m, "/livez"), 501),
    Case("CONNECT", request("CONNECT", "localhost:80"), 501),
    Case("method outside the alphabet", request("GE(T", "/livez"), 400),
    Case("method with a NUL", request("GE\0T", "/livez"), (0, 400), library=SINCE_1_0),
    Case("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (0, 400, 505), library=ALWAYS),
    Case("TLS hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x5a" * 160 + b"\r\n\r\n", (0, 400),
         library=ALWAYS),
    # 0.9.75 drops a line that starts with a NUL like an empty one.
    Case("nothing but zeros", b"\0" * 400 + b"\r\n\r\n" + get(), (0, 200), GOES_ON, library=SINCE_1_0),
    Case("no version", b"GET /livez\r\n\r\n", (0, 400, 505), library=ALWAYS),
    Case("no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", (0, 400, 505), library=ALWAYS),
    Case("method alone", b"GET\r\n\r\n", (0, 400, 505), library=ALWAYS),
    *every("version", ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "HTTP/11", "HTTP/1.10", "HTTP/1", "HTTP/-1.1",
                       "http/1.1",
                       "HTTPS/1.1", "HTTP /1.1", "HTTP/1.1 x", "HTTP/1.1\0", "HTTP/1,1"],
           lambda v: get("/livez", version=v), (0, 400, 505), library=ALWAYS),
    *every("line", ["GET  /livez HTTP/1.1", "GET /livez  HTTP/1.1", " GET /livez HTTP/1.1", "GET\t/livez\tHTTP/1.1",
                    "GET /livez HTTP/1.1 ", "GET /li vez HTTP/1.1", "GET /livez\x0bHTTP/1.1"],
           lambda line: lines(f"{line}\nHost: localhost\n\n"), (0, 400, 505), library=ALWAYS),
    Case("bare line feeds", b"GET /livez HTTP/1.1\nHost: localhost\n\n", 400, library=ALWAYS),
    Case("bare carriage returns", b"GET /livez HTTP/1.1\rHost: localhost\r\r", (0, 400), library=ALWAYS),
    *every("control in the target", controls("\t", "\n", "\r"), lambda c: get(f"/livez{c}x"), (0, 400), library=SINCE_1_0),
    *every("target", ["/livez#fragment", "/livez?#", "/#"], get, 400),
    *every("unknown target", ["*", "livez", "?", "//livez", "/livez/", "/livez/.", "/livez/..", "/../livez", "/.",
                              "/livez;x=1",
                              "/livez\\", "/livez%00", "/livez%", "/livez%2", "/livez%zz", "/livez%u0031", "/v1%2Fleads",
                              "/v1%5cleads", "/%2e%2e/livez", "/livez\xff", "/livez%ff", "/livez%c0%af", "/livez%ed%a0%80",
                              "/v1/leads" + "/x" * 20, "/" * 300, "ftp://localhost/livez", "http:/livez", "localhost/livez",
                              "http://localhost/nowhere"],
           get, 404, GOES_ON),
    *every("target without a path", ["http://", "http://localhost", "http://?x"], get, (400, 404), GOES_ON),
    Case("a target of 4096 bytes", get("/livez?" + "x" * 4089), 400, GOES_ON),
    Case("a target of 4097 bytes", get("/livez?" + "x" * 4090), 414),
    Case("a target of 9000 bytes", get("/livez?" + "x" * 9000), 414),
    Case("a target of 20000 bytes", get("/livez?" + "x" * 20000), (0, 414, 431), library=ALWAYS),
    *every("record", ["x", "%00", "%2f", "-1", "1e1", ID + "0", ID.replace("-", ""), "{id}", "'", "..%2f..%2fetc%2fpasswd"],
           lambda name: get(f"{LEADS}/{name}", AUTH), 404, GOES_ON),
    *every("method not allowed", ["PUT", "PATCH", "DELETE"], lambda m: request(m, LEADS, [AUTH]), 405, GOES_ON),
    Case("a method in disguise", post("X-HTTP-Method-Override: DELETE", target=f"{LEADS}/{ID}"), 405, GOES_ON),
    Case("a method in the query", get(f"{LEADS}?_method=DELETE", AUTH), 400, GOES_ON),
]

SEPARATORS = '(),/;<=>?@[\\]{}"'
FIELDS = [
    *every("name with", [*SEPARATORS, "\x80", "\xff"], lambda c: get("/livez", f"X{c}y: 1"), 400),
    *every("control in a name", controls("\t", "\n", "\r"), lambda c: get("/livez", f"X{c}y: 1"), (0, 400), library=ALWAYS),
    *every("space in a name", ["X Y: 1", "X\tY: 1", "X : 1", "X\t: 1"], lambda f: get("/livez", f), (0, 400),
           library=SINCE_1_0),
    Case("empty name", get("/livez", ": 1"), (0, 400), library=SINCE_1_0),
    Case("no colon", get("/livez", "X-Nothing"), (0, 400), library=ALWAYS),
    *every("control in a value", controls("\t", "\n", "\r"), lambda c: get("/livez", f"X: a{c}b"), (0, 400),
           library=SINCE_1_0),
    Case("line feed in a value", get("/livez", "X: a\nY: b"), 400, library=ALWAYS),
    Case("carriage return in a value", get("/livez", "X: a\rY: b"), (0, 400), library=ALWAYS),
    Case("folded value", get("/livez", "X: a\r\n b"), 400, library=SINCE_1_0),
    Case("folded by a tab", get("/livez", "X: a\r\n\tb"), 400, library=SINCE_1_0),
    Case("folded length", post("Content-Length:\r\n 2", body="{}"), 400, library=SINCE_1_0),
    Case("folded coding", post("Transfer-Encoding:\r\n chunked", body="0\r\n\r\n"), 400, library=SINCE_1_0),
    Case("first field folded", lines("GET /livez HTTP/1.1\n Host: localhost\n\n"), (0, 400), library=ALWAYS),
    *every("host", ["a b", "a,b", "a/b", "a@b", "a#b", "a?b", "a\\b"], lambda h: get(host=f"Host: {h}"), 400),
    Case("no host", get(host=None), 400, library=SINCE_1_0),
    *every("twice", ["Host", "Authorization", "Content-Type", "Idempotency-Key", "Expect", "Content-Length"],
           lambda n: request("POST", LEADS, [f"{n}: 2", f"{n.upper()}: 2"], "{}"), 400, library=SINCE_1_0),
    *every("expectation", ["200-ok", "100-continue, x", ""], lambda e: get("/livez", f"Expect: {e}"), 400),
    *every("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer =", "Bearer ..", "Bearer a.b.c",
                             "Bearer \xff", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer " + "x" * 4000, "Bearer stw_",
                             "stw_x",
                             "Bearer stw_" + "0" * 200, "Bearer stwk_" + "0" * 76, "Bearer " + "." * 3000],
           lambda a: get(LEADS, f"Authorization: {a}"), 401, GOES_ON),
    *every("accept", ["text/html", "application/json;q=0", "application/json;q=9", "\xff/\xff", "/", ";;;,,,"],
           lambda a: get(LEADS, AUTH, f"Accept: {a}"), 406, GOES_ON),
    *every("record version", ["", "x", '"', "W/", '"-1"', '"9999999999999999999999"', "*, *", '"1", "2"'],
           lambda v: sent(b"{}", JSON, f"If-Match: {v}", method="PATCH", target=f"{LEADS}/{ID}"), (400, 403, 404, 412),
           GOES_ON),
    *every("idempotency key", ["", "x" * 256, "x" * 3000, "\xff", "a b"],
           lambda k: sent(b"{}", JSON, f"Idempotency-Key: {k}"), (400, 422), GOES_ON),
    *every("position", ["x", "-1", "9" * 40], lambda p: get(LEADS, AUTH, f"Steward-Position: {p}"), 400, GOES_ON),
    *every("taken as none", ["X-Request-Id: " + "x" * 65, "X-Request-Id: \xff", "traceparent: 00-x",
                             "Accept-Language: \xff;q=x,,",
                             "Upgrade: h2c", "Connection: upgrade, x", "Range: bytes=9-1", "Cookie: " + "x" * 4000, "X:",
                             "X: \xff",
                             "If-None-Match: x", "If-Modified-Since: never", "Forwarded: for=\"", "X-Forwarded-For: ,,",
                             "Content-Length: 0", "Content-Length: 00", "Accept-Encoding: ;q=,,gzip;q=2", "TE: trailers",
                             "Trailer: Host",
                             "Proxy-Connection: x", "HTTP2-Settings: AAA"],
           lambda f: get("/livez", f), 200, GOES_ON),
    Case("64 fields", get("/livez", *[f"X-{i}: 1" for i in range(63)]), 200, GOES_ON),
    Case("65 fields", get("/livez", *[f"X-{i}: 1" for i in range(64)]), 431),
    Case("1000 fields", get("/livez", *[f"X-{i}:" for i in range(1000)]), 431, library=ALWAYS),
    Case("a head of 8192 bytes", padded(8192), 200, GOES_ON),
    Case("a head of 8193 bytes", padded(8193), 431),
    Case("a head of 15000 bytes", padded(15000), 431, library=ALWAYS),
    Case("a head of 100000 bytes", padded(100000), 431, library=ALWAYS),
    Case("a name of 7000 bytes", get("/livez", "x" * 7000 + ": 1"), 200, GOES_ON),
]

FRAMING = [
    Case("both framings", post("Content-Length: 4", CHUNKED, body="0\r\n\r\n"), 400, library=SINCE_1_0),
    Case("both framings, length last", post(CHUNKED, "Content-Length: 5", body="0\r\n\r\n"), 400, library=SINCE_1_0),
    Case("both framings, the length over all", post(f"Content-Length: {5 + len(HIDDEN)}", CHUNKED, body="0\r\n\r\n"), 400,
         library=SINCE_1_0),
    Case("both framings in HTTP/1.0", post("Content-Length: 5", CHUNKED, body="0\r\n\r\n", version="HTTP/1.0"), 400,
         library=SINCE_1_0),
    Case("two lengths", post("Content-Length: 2", f"Content-Length: {2 + len(HIDDEN)}", body="{}"), 400, library=SINCE_1_0),
    Case("two lengths, the shorter last", post(f"Content-Length: {2 + len(HIDDEN)}", "Content-Length: 2", body="{}"), 400,
         library=SINCE_1_0),
    *every("length", ["", "-1", "-0", "+2", "0x2", "2 2", "2, 2", "2,3", "2;3", "2.0", "1e1", "\xb2", "x", "2x", "'2'",
                      "99999999999999999999",
                      "18446744073709551618", "-18446744073709551614"],
           lambda n: post(f"Content-Length: {n}", body="{}"), (400, 413), library=ALWAYS),
    *every("great length", [2**31, 2**32 + 2, 2**63, 2**63 - 1], lambda n: post(f"Content-Length: {n}", body="{}"),
           (400, 413), library=ALWAYS),
    *every("length's name", ["Content-Length ", "Content-Length\t"], lambda n: post(f"{n}: 2", body="{}"), 400,
           library=SINCE_1_0),
    *every("coding's name", ["Transfer-Encoding ", "Transfer-Encoding\t", " Transfer-Encoding"],
           lambda n: post(f"{n}: chunked", body="0\r\n\r\n"), 400, library=SINCE_1_0),
    *every("coding", ["gzip", "identity", "gzip, chunked", "chunked, gzip", "chunked, identity", "chunked, chunked",
                      "chunked,", ",chunked",
                      "chunked;x=1", "xchunked", "chunkedx", '"chunked"', "chu nked", "", "chunked\xa0"],
           lambda c: post(f"Transfer-Encoding: {c}", body="0\r\n\r\n"), 501, library=SINCE_1_0),
    *every("coding with a control", "\x0b\x0c\x1f", lambda c: post(f"Transfer-Encoding: {c}chunked", body="0\r\n\r\n"), 400,
           library=SINCE_1_0),
    Case("coding and a NUL", post("Transfer-Encoding: chunked\0", body="0\r\n\r\n"), (0, 400), library=SINCE_1_0),
    Case("chunked twice", post(CHUNKED, CHUNKED, body="0\r\n\r\n"), 400, library=SINCE_1_0),
    Case("chunked and identity", post(CHUNKED, "Transfer-Encoding: identity", body="0\r\n\r\n"), 400, library=SINCE_1_0),
    Case("chunked in HTTP/1.0", chunked("0\r\n\r\n", version="HTTP/1.0"), 400, library=SINCE_1_0),
    *every("body of", ["GET", "HEAD", "DELETE", "OPTIONS"], lambda m: sent(HIDDEN, method=m), 400),
    *every("chunked body of", ["GET", "DELETE", "OPTIONS"],
           lambda m: request(m, LEADS, [AUTH, CHUNKED], chunk(HIDDEN) + b"0\r\n\r\n"), 400),
    Case("a request as the body", sent(HIDDEN), 400, GOES_ON),
    Case("a request as a chunk", chunked(chunk(HIDDEN) + b"0\r\n\r\n"), 400, GOES_ON),
    Case("a request as the body of a path that is none", sent(HIDDEN, target="/v1/nowhere"), 404, GOES_ON),
    Case("a request as the body of a refused caller", request("POST", LEADS, [JSON, f"Content-Length: {len(HIDDEN)}"],
                                                              HIDDEN), 401, GOES_ON),
    Case("a body of 1 MiB", sent(b'{"name":"' + b"x" * (2**20 - 11) + b'"}'), 422, GOES_ON),
    Case("a body of 1 MiB and a byte", sent(b'{"name":"' + b"x" * (2**20 - 10) + b'"}'), 413),
    Case("a body of 1 MiB in chunks", chunked(chunk(b" " * 2**15) * 32 + b"0\r\n\r\n"), 400, GOES_ON),
    Case("a body of 1 MiB and a byte in chunks", chunked(chunk(b" " * 2**15) * 32 + chunk(b" ") + b"0\r\n\r\n"), 413),
    Case("a length over the limit and no body", post(f"Content-Length: {2**20 + 1}"), 413),
    Case("the same with an expectation", post(f"Content-Length: {2**20 + 1}", "Expect: 100-continue"), 413),
    Case("an expectation fulfilled", post("Content-Length: 2", "Expect: 100-continue", body="{}"), 422, GOES_ON),
    Case("bad ones behind good ones", get() * 3 + post("Content-Length: 4", CHUNKED, body="0\r\n\r\n"), 400,
         library=SINCE_1_0, before=3),
    Case("a bad target behind good ones", get() * 20 + get("/livez#"), 400, before=20),
    Case("an empty line in front", b"\r\n" + get(), 200, GOES_ON),
    Case("four empty lines in front", b"\r\n" * 4 + get(), (0, 200), GOES_ON),
]

CHUNKS = [
    *every("chunk size", ["-1", "+2", "0x2", "g", "", " 2", "2 ", "2\t", "2x", "2,2", "'2'", "\xb2", "1" + "0" * 15 + "2",
                          "2\0"],
           lambda size: chunked(f"{size}\r\n{{}}\r\n0\r\n\r\n"), (400, 413), library=ALWAYS),
    Case("chunk longer than its size", chunked("2\r\n{}xx\r\n0\r\n\r\n"), 400, library=ALWAYS),
    Case("chunk without its end", chunked("2\r\n{}0\r\n\r\n"), 400, library=ALWAYS),
    # 0.9.75 takes them; 1.0 refuses them, and extensions too.
    Case("bare line feeds between chunks", chunked("2\n{}\n0\n\n"), 422, GOES_ON, library=SINCE_1_0),
    *every("extension", ["2;x=1\r\n{}\r\n0\r\n\r\n", "2;x\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n0;x=1\r\n\r\n"], chunked, 422,
           GOES_ON,
           library=SINCE_1_0),
    Case("bare carriage return behind a size", chunked("2\r{}\r\n0\r\n\r\n"), 400, library=ALWAYS),
    Case("trailer without a colon", chunked("2\r\n{}\r\n0\r\nX-Nothing\r\n\r\n"), 400, library=ALWAYS),
    Case("great trailers", chunked("2\r\n{}\r\n0\r\n" + f"X: {'x' * 990}\r\n" * 20 + "\r\n"), (400, 413, 431),
         library=ALWAYS),
    Case("a size line of 20 KB behind a refused head", chunked("0" * 20000, "Expect: x"), 400),
    *every("harmless chunks", ["2\r\n{}\r\n00\r\n\r\n", "000002\r\n{}\r\n0\r\n\r\n", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
                               "2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n"], chunked, 422, GOES_ON),
    *every("trailer", ["Content-Length: 500", "Transfer-Encoding: gzip", "Host: x", f"Authorization: Bearer {KEY}"],
           lambda t: chunked(f"2\r\n{{}}\r\n0\r\n{t}\r\n\r\n"), 422, GOES_ON),
    Case("a thousand chunks of a byte", chunked(chunk(b" ") * 1000 + b"0\r\n\r\n"), 400, GOES_ON),
    Case("no chunk", chunked("0\r\n\r\n"), 400, GOES_ON),
]

DEEP = [b'{"name":' * 5000, b"[" * 2**20, b'{"name":' + b"[" * 64 + b"]" * 64 + b"}", b'{"a":' * 64 + b"1" + b"}" * 65]
NOT_JSON = [b" ", b"{", b"}", b'{"name"', b'{"name":',
            b'{"name":"', b'{"name":"x"', b'{"name":"x",}', b"{,}", b'{"name" "x"}', b'{name:"x"}',
            b"{'name':'x'}",
            b'{"name":"x"}x', b'{"name":"x"}{}', b"[]", b"1", b'"x"', b"null", b"true", b"{/**/}", b'{"name":NaN}',
            b'{"name":Infinity}', b'{"name":01}', b'{"name":+1}', b'{"name":.5}', b'{"name":1.}', b'{"name":0x1}',
            b'{"name":1e}', b'{"name":True}',
            b'{"name":"x","name":"y"}', b'{"name":"x","n\\u0061me":"y"}', b'{"owner_id":{"a":1,"a":2}}', b'{"name":"\\x"}',
            b'{"name":"\\u12"}',
            b'{"name":"\\ud800"}', b'{"name":"\\udc00\\ud800"}', b'{"name":"\\ud800x"}', b'{"name":"a\tb"}',
            b'{"name":"a\nb"}', b'{"name":"a\0b"}',
            b'{"name":"x"}\0', b"\0", b"\xef\xbb\xbf{}", b"\xef\xbb\xbf", '{"name":"x"}'.encode("utf-16"),
            '{"name":"x"}'.encode("utf-32-be")]
NOT_UTF8 = [b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80",
            b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80", b"\xff\xfe", b"\xe4\xbd", b"\xf0\x9f\x98", "好".encode("gb18030")]
NOT_VALID = [b"{}", b'{"name":null}', b'{"name":1}', b'{"name":[]}', b'{"name":{}}', b'{"name":true}', b'{"name":""}',
             b'{"name":"a\\u0000b"}',
             b'{"a\\u0000b":1}', b'{"name":1e400}', b'{"name":-1e400}', b'{"name":1e-400}', b'{"name":18446744073709551616}',
             b'{"name":' + b"9" * 400000 + b"}", b'{"name":' + b"-9" + b"9" * 4000 + b"}",
             b'{"score":9223372036854775808}', b'{"score":1e2}',
             b'{"score":1.0}', b'{"":1}', b'{"/~":1}', b'{"__proto__":{}}', b'{"org_id":"x"}', b'{"version":9}',
             b'{"id":"x"}', b'{"id":1}',
             b'{"name":"x","status":"\\u0000"}', b'{"%s":1}' % (b"x" * 100000),
             b'{"name":"%s"}' % (b"\xf0\x9f\x98\x80" * 100000),
             b'{"name":"x","owner_id":"\'"}',
             b'{' + b",".join(b'"x%d":1' % n for n in range(50000)) + b"}", b'{"a":' * 63 + b"1" + b"}" * 63]
BODIES = [
    *every("body", NOT_JSON, sent, 400, GOES_ON),
    *every("string of", NOT_UTF8, lambda text: sent(b'{"name":"%s"}' % text), 400, GOES_ON),
    *every("name of", NOT_UTF8[:4], lambda text: sent(b'{"%s":1}' % text), 400, GOES_ON),
    *every("too deep", DEEP, sent, 400, GOES_ON),
    *every("invalid body", NOT_VALID, sent, 422, GOES_ON),
    Case("a body that must be there", sent(b""), 400, GOES_ON),
    Case("64 levels", sent(b'{"a":' * 64 + b"1" + b"}" * 64), 422, GOES_ON),
    Case("65 levels", sent(b'{"a":' * 65 + b"1" + b"}" * 65), 400, GOES_ON),
    Case("200,000 brackets and commas", sent(b'{"name":[' + b"1," * 199998 + b"1]}"), 422, GOES_ON),
    Case("200,001 brackets and commas", sent(b'{"name":[' + b"1," * 199999 + b"1]}"), 400, GOES_ON),
    *every("content type", ["", "text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded",
                            "application/jsonx",
                            "application /json", "application/json, text/plain", "application/json;charset=utf-16",
                            "application/json; charset=gbk",
                            "application/json;x", "multipart/form-data; boundary=x", "*/*", "\xff",
                            "application/json;charset=\"utf-8"],
           lambda kind: sent(LEAD, f"Content-Type: {kind}"), 415, GOES_ON),
    Case("no content type", request("POST", LEADS, [AUTH, f"Content-Length: {len(LEAD)}"], LEAD), 415, GOES_ON),
    *every("content coding", ["gzip", "deflate", "br", "identity, gzip", "x", "\xff"],
           lambda coding: sent(zlib.compress(LEAD), JSON, f"Content-Encoding: {coding}"), 415, GOES_ON),
    Case("a body for a route that takes none", sent(LEAD, target="/v1/auth/logout-all"), (400, 404), GOES_ON),
]

QUERIES = every("query", [
    "%", "%2", "%zz", "name=%", "name=%f", "name=%zz", "name=%ff", "name=\xff", "name=%c0%af", "name=%ed%a0%80",
    "name=%00", "na%00me=x", "%00",
    "name%2F=x", "name=a%0", "x=1", "=", "==", "=x", "name[", "name]=x", "name[]=x", "name[eq=x", "name[x]=x",
    "name[ne][ne]=x", "[ne]=x",
    "name[in]=", "__proto__=x", "org_id=x", "'=1", "a.b.c.d=1", ".=1", "name.=1", "owner.password=x", "limit=", "limit=0",
    "limit=501", "limit=-1",
    "limit=1e1", "limit=+5", "limit=%205", "limit=0x10", "limit=99999999999999999999", "limit=1&limit=2",
    "limit=1;limit=2", "cursor=",
    "cursor=x", "cursor=" + "A" * 3000, "cursor=%00", "cursor=../..", "sort=", "sort=x", "sort=-", "sort=--name",
    "sort=name,name",
    "sort=name,status,score,id,-id", "sort=name;drop", "fields=", "fields=x", "fields=,", "fields=name,", "expand=",
    "expand=x", "expand=owner.x",
    "count=", "count=x", "deleted=x", "score=x", "score=1e400", "score[gt]=99999999999999999999", "status=x",
    "created_at[gt]=x",
    "created_at[gt]=9999999-01-01T00:00:00Z", "owner_id=x", "q=", "q=%00", "dry_run=x",
    "&".join(f"x{n}=1" for n in range(300)),
    "?", "??limit=1"], leads, (400, 422), GOES_ON) + every("empty query", ["", "&", "&&&&", "&" * 3000,
                                                                           "name='%20or%20'1'='1", "q=%25%5c_"],
                                                    leads, 200, GOES_ON)

# To a server whose limits of time are a second. None of them may hold the connection longer.
SLOW = [
    Case("nothing at all", [], 0),
    Case("half a line", [b"GET /liv"], 0),
    Case("half a head", [b"GET /livez HTTP/1.1\r\nHost: loc"], 408),
    Case("a head without its end", [get("/livez", "X: y")[:-2]], 408),
    Case("a dripping line", [step for byte in b"GET /livez HTTP/1.1" for step in (bytes([byte]), 0.2)], 0),
    Case("a dripping head", [b"GET /livez HTTP/1.1\r\n", *[step for i in range(20) for step in (b"X: 1\r\n", 0.2)]], 408),
    Case("nothing but empty lines", [step for _ in range(20) for step in (b"\r\n", 0.2)], 0),
    Case("half a body", [post("Content-Length: 20", body="{")], 408),
    Case("no body", [post("Content-Length: 20")], 408),
    Case("no body after all", [post("Content-Length: 20", "Expect: 100-continue")], 408),
    Case("a dripping body", [post("Content-Length: 40"), *[step for _ in range(20) for step in (b" ", 0.2)]], 408),
    Case("half a chunk", [chunked("20\r\n{")], 408),
    Case("half a size", [chunked("2")], 408),
    Case("chunks without an end", [chunked("2\r\n{}\r\n")], 408),
    Case("dripping chunks", [chunked(""), *[step for _ in range(20) for step in (b"1\r\n \r\n", 0.2)]], 408),
    Case("trailers without an end", [chunked("2\r\n{}\r\n0\r\nX: 1\r\n")], 408),
    # What 0.9.75 cannot hold it waits for, and the end of the limit comes.
    *every("chunk of size", ["f" * 16, "7" + "f" * 15, "fffffffff"],
           lambda size: [chunked(f"{size}\r\n{{}}\r\n0\r\n\r\n")], (408, 413),
           library=SINCE_1_0),
    Case("a size line of 20 KB", [chunked("0" * 20000 + "2\r\n{}\r\n0\r\n\r\n")], (408, 413), library=SINCE_1_0),
    Case("an extension of 20 KB", [chunked(f"2;{'x' * 20000}\r\n{{}}\r\n0\r\n\r\n")], (408, 413), library=SINCE_1_0),
    Case("half a head, half closed", [b"GET /livez HTTP/1.1\r\nHost: loc", HALF_CLOSE], (0, 400, 408)),
    Case("half a body, half closed", [post("Content-Length: 20", body="{"), HALF_CLOSE], (0, 400, 408)),
    Case("half a chunk, half closed", [chunked("20\r\n{"), HALF_CLOSE], (0, 400, 408)),
    Case("a whole request, half closed", [get(), HALF_CLOSE], 200),
    Case("reset at once", [RESET], 0),
    Case("reset in the head", [b"GET /livez HTTP/1.1\r\nHost: loc", RESET], 0),
    Case("reset in the body", [post("Content-Length: 20", body="{"), 0.1, RESET], 0),
    Case("reset in a chunk", [chunked("20\r\n{"), 0.1, RESET], 0),
    Case("reset before the answer", [leads("limit=1"), RESET], 0),
    Case("reset among answers", [leads("limit=1") * 30, 0.01, RESET], 0),
]

PROMPT = [*REQUEST_LINES, *FIELDS, *FRAMING, *CHUNKS, *BODIES, *QUERIES]
