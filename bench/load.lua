-- For wrk: -- MODE TOKEN RUN PREFIX FIRST COUNT FIRST_OWNER OWNERS; prints one line of JSON at the end.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local mode, token, run, prefix, first, count, first_owner, owners
local sent = 0

function init(arguments)
    mode, token, run, prefix = arguments[1], arguments[2], arguments[3], arguments[4]
    first, count = tonumber(arguments[5]), tonumber(arguments[6])
    first_owner, owners = tonumber(arguments[7]), tonumber(arguments[8])
    math.randomseed(os.time() * 7 + number * 7919 + #run)
    wrk.headers["Authorization"] = "Bearer " .. token
    if mode == "create" then
        wrk.headers["Content-Type"] = "application/json"
    end
end

local function id(start, many)
    return string.format("%s%.0f", prefix, start + math.random(0, many - 1))
end

local function create()
    local n = math.random(1, 999999)
    sent = sent + 1
    wrk.headers["Idempotency-Key"] = run .. "-" .. number .. "-" .. sent
    return wrk.format("POST", "/v1/accounts", nil, string.format(
        '{"name":"Bench Customer %d","industry":"manufacturing","employee_count":%d,' ..
        '"annual_revenue":{"amount":"%d.50","currency":"CNY"},"founded_year":1998,"country":"CN","city":"Shanghai",' ..
        '"website":"https://www.customer-%d.example/","phone":"+8621%06d","email":"office@customer-%d.example",' ..
        '"tier":"key","tags":["fair","vip"],"source":"web","owner_id":"%s"}',
        n, n % 20000, n, n, n, n, id(first_owner, owners)))
end

function request()
    if mode == "point_read" then
        return wrk.format("GET", "/v1/accounts/" .. id(first, count))
    elseif mode == "page" then
        return wrk.format("GET", "/v1/accounts")
    end
    return create()
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"seconds":%.6f,"status":%d,"socket":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
