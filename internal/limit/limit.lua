-- The rule of gcra.go for the buckets of one call, all or none of them.
--
-- Numbers in Lua are exact only up to 2^53, and a debt can be larger. It is kept
-- in two parts: whole units and the rest of one, as a unit is MINUTE of debt. No
-- step below comes near 2^53, so that the answers are those of gcra.go to the
-- last digit.
--
-- ARGV: what to do (take, look, end, renew), the time in microseconds or "" for the
-- server's own, the id of the call, the lease of its places in microseconds;
-- then for each of KEYS: rate or place, the limit, how many.
-- The answer of take and of look, which takes nothing: 1 if the call fits else 0, the time, and for each of KEYS
-- units and rest, or calls under way and 0; of the others: nothing.

local MINUTE = 60000000
local CAP = 11       -- minutes of debt at most, see overdraftMax
local TTL = 12 * 60  -- seconds: a bucket that long at rest is full

local op, now, call, lease = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function whole(n) return string.format('%.0f', n) end

-- product is a times b in units and rest; a is at most CAP minutes.
local function product(a, b)
  local a1, b1 = math.floor(a / MINUTE), math.floor(b / MINUTE)
  local a0, b0 = a - a1 * MINUTE, b - b1 * MINUTE
  local low = a0 * b0
  local rest = math.fmod(low, MINUTE)
  return a1 * b + a0 * b1 + (low - rest) / MINUTE, rest
end

local function capped(b)
  if b.units >= CAP * b.limit then b.units, b.rest = CAP * b.limit, 0 end
end

-- drain works off what the time since then paid for. A limit that has become
-- smaller leaves an empty bucket at most.
local function drain(b, before)
  if b.limit < before and b.units >= b.limit then b.units, b.rest = b.limit, 0 end
  local elapsed = now - b.at
  if elapsed <= 0 or b.limit == 0 then return end
  b.at = now
  if elapsed > CAP * MINUTE then
    b.units, b.rest = 0, 0
    return
  end
  local units, rest = product(elapsed, b.limit)
  b.units, b.rest = b.units - units, b.rest - rest
  if b.rest < 0 then b.units, b.rest = b.units - 1, b.rest + MINUTE end
  if b.units < 0 then b.units, b.rest = 0, 0 end
end

local function load(key, limit)
  local b = {key = key, limit = limit, units = 0, rest = 0, at = now}
  local kept, before = redis.call('GET', key), limit
  if kept then
    local units, rest, at, of = string.match(kept, '^(%d+) (%d+) (-?%d+) (%d+)$')
    b.units, b.rest, b.at, before = tonumber(units), tonumber(rest), tonumber(at), tonumber(of)
  end
  drain(b, before)
  b.lowered = limit < before
  return b
end

local function save(b)
  redis.call('SET', b.key, whole(b.units) .. ' ' .. whole(b.rest) .. ' ' .. whole(b.at) .. ' ' .. whole(b.limit), 'EX', TTL)
end

local function occupy(key)
  redis.call('ZADD', key, whole(now + lease), call)
  redis.call('PEXPIRE', key, whole(math.ceil(lease / 1000) * 2))
end

local function each(rate, place)
  for i, key in ipairs(KEYS) do
    local at = 2 + 3 * i
    local visit = ARGV[at] == 'rate' and rate or place
    visit(i, key, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
  end
end

if op == 'take' or op == 'look' then
  local fits, rates, under = op == 'take', {}, {}
  each(function(i, key, limit, n)
    local b = load(key, limit)
    rates[i] = b
    if n > 0 and (b.units + n > limit or (b.units + n == limit and b.rest > 0)) then fits = false end
  end, function(i, key, limit)
    under[i] = redis.call('ZCOUNT', key, '(' .. whole(now), '+inf')
    if under[i] >= limit then fits = false end
  end)
  local answer = {fits and 1 or 0, now}
  each(function(i, _, _, n)
    local b = rates[i]
    if fits then b.units = b.units + n end
    if fits or op == 'take' and b.lowered then save(b) end
    answer[1 + 2 * i], answer[2 + 2 * i] = b.units, b.rest
  end, function(i, key)
    if fits then
      redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now)) -- whose node has died
      occupy(key)
      under[i] = under[i] + 1
    end
    answer[1 + 2 * i], answer[2 + 2 * i] = under[i], 0
  end)
  return answer
end

if op == 'end' then
  each(function(_, key, limit, n)
    local b = load(key, limit)
    b.units = b.units - n
    if b.units < 0 then b.units, b.rest = 0, 0 end
    capped(b)
    save(b)
  end, function(_, key) redis.call('ZREM', key, call) end)
  return false
end

if op == 'renew' then
  each(function() end, function(_, key) occupy(key) end)
  return false
end

return redis.error_reply('limit: unknown operation')
