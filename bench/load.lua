-- For wrk: the only argument is a Lua file that returns what to send (see load.py); one line of JSON at the end.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

local work, total, pool
local sent, taken = 0, 0

local function pick()
    local point = math.random() * total
    for _, entry in ipairs(work.requests) do
        point = point - entry.weight
        if point < 0 then
            return entry
        end
    end
    return work.requests[1]
end

-- A record of this thread's share with the version it has; the answer gives the next one (see response).
local function take()
    taken = taken + 1
    local record = table.remove(pool)
    if not record then
        error("more connections than records to patch")
    end
    return record
end

local drawn = {
    account = function() return string.format("%s%.0f", work.prefix, work.first_account + math.random(0, work.accounts - 1)) end,
    few = function() return string.format("%s%.0f", work.prefix, work.first_account + math.random(0, work.few - 1)) end,
    owner = function() return string.format("%s%.0f", work.prefix, work.first_user + math.random(0, work.users - 1)) end,
    n = function() return string.format("%d", math.random(100000, 999999)) end,
    organization = function() return work.organizations[math.random(#work.organizations)] end,
}

local function fill(parts, values)
    local out = {}
    for i, part in ipairs(parts) do
        if i % 2 == 1 then
            out[i] = part
        else
            values[part] = values[part] or drawn[part]()
            out[i] = values[part]
        end
    end
    return table.concat(out)
end

-- "a{b}c" becomes {"a", "b", "c"}; a brace of JSON is followed by a quote.
local function split(text)
    local parts, from = {}, 1
    while true do
        local first, last, name = text:find("{(%l+)}", from)
        if not first then
            parts[#parts + 1] = text:sub(from)
            return parts
        end
        parts[#parts + 1] = text:sub(from, first - 1)
        parts[#parts + 1] = name
        from = last + 1
    end
end

local function remember(status, headers, body)
    local id = status == 200 and headers["ETag"] and body:match('^{"id":"([^"]+)"')
    if id and work.patched[id] then
        pool[#pool + 1] = {id = id, tag = headers["ETag"]}
    end
end

function init(arguments)
    work = dofile(arguments[1])
    math.randomseed(os.time() * 7 + number * 7919 + work.seed)
    total = 0
    for _, entry in ipairs(work.requests) do
        total = total + entry.weight
        entry.path_parts = split(entry.path)
        entry.body_parts = entry.body and split(entry.body)
        entry.headers = {}
        for i, token in ipairs(entry.tokens) do
            entry.headers[i] = {["Authorization"] = "Bearer " .. token}
            if entry.body then
                entry.headers[i]["Content-Type"] = "application/json"
            end
        end
        if #entry.tokens == 0 then
            entry.headers[1] = {["Content-Type"] = "application/json"}
        end
    end
    pool = {}
    for i, record in ipairs(work.records) do
        if i % 2 == number % 2 then
            pool[#pool + 1] = record
        end
    end
    if #work.records > 0 then
        response = remember -- wrk parses headers only for who asks
    end
    if work.delay_ms > 0 then
        delay = function() return math.random(0, 2 * work.delay_ms) end
    end
end

function request()
    local entry = pick()
    local headers, values = entry.headers[math.random(#entry.headers)], {}
    if entry.key then
        sent = sent + 1
        headers["Idempotency-Key"] = work.seed .. "-" .. number .. "-" .. sent
    end
    if entry.match then
        local record = take()
        values.record = record.id
        headers["If-Match"] = record.tag
    end
    return wrk.format(entry.method, fill(entry.path_parts, values), headers,
                      entry.body_parts and fill(entry.body_parts, values))
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"seconds":%.6f,"status":%d,"socket":%d,"p50_ms":%.3f,"p99_ms":%.3f,"p999_ms":%.3f}\n',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000))
end
