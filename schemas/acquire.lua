-- Take a feed's lease if nobody holds it. The fence is Redis's clock, so that it grows even after
-- Redis lost its data, and always more than the last one seen.
-- KEYS: lease, feed hash. ARGV: owner, time to live in milliseconds. Returns the fence or nothing.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return false
end
local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('HGET', KEYS[2], 'fence') or '0')
if fence <= last then
  fence = last + 1
end
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. text, 'PX', ARGV[2])
redis.call('HSET', KEYS[2], 'fence', text)
return text
