-- Count requests and open streams of callers, and say how many more each may have.
-- KEYS: hash of each caller. ARGV: gateway, lease in microseconds, and of each caller: requests
-- asked for, requests a minute (0 = no limit), streams that the gateway holds, streams asked for,
-- streams at most (0 = not counted).
-- The hash: `full`, when the caller's bucket of requests is full again (it holds a minute's, and
-- fills evenly), and for each gateway `<streams> <until when that holds>`. Times are microseconds
-- of this server's clock.
-- Returns for each caller: requests granted, requests left after them, microseconds until there is
-- one, microseconds until the bucket is full, streams granted.
local MINUTE = 60 * 1000000
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local gateway, lease = ARGV[1], tonumber(ARGV[2])
local answers = {}
for place = 1, #KEYS do
  local key = KEYS[place]
  local asked, minute, held, wanted, most = unpack(ARGV, 5 * place - 2, 5 * place + 2)
  asked, minute, held = tonumber(asked), tonumber(minute), tonumber(held)
  wanted, most = tonumber(wanted), tonumber(most)

  local full, others = now, 0
  local fields = redis.call('HGETALL', key)
  for n = 1, #fields, 2 do
    local field, value = fields[n], fields[n + 1]
    if field == 'full' then
      full = math.max(now, tonumber(value))
    elseif field ~= gateway then
      local streams, expires = string.match(value, '^(%d+) (%d+)$')
      if tonumber(expires) > now then
        others = others + tonumber(streams)
      else
        redis.call('HDEL', key, field)
      end
    end
  end

  local granted, left, wait = asked, 0, 0
  if minute > 0 then
    local each = math.floor(MINUTE / minute)
    local room = math.floor((now + minute * each - full) / each)
    granted = math.max(0, math.min(asked, room))
    left = math.max(0, room - granted)
    full = full + granted * each
    wait = math.max(0, full + each - now - minute * each)
    if granted > 0 then
      redis.call('HSET', key, 'full', string.format('%.0f', full))
    end
  end

  local places = wanted
  if most > 0 then
    places = math.max(0, math.min(wanted, most - others - held))
    if held + places > 0 then
      redis.call('HSET', key, gateway, string.format('%d %.0f', held + places, now + lease))
    else
      redis.call('HDEL', key, gateway)
    end
  end

  redis.call('PEXPIRE', key, math.ceil(math.max(MINUTE, lease) / 1000))
  for _, answer in ipairs({granted, left, wait, full - now, places}) do
    answers[#answers + 1] = answer
  end
end
return answers
