-- Remove the board of a stop that left the schedule and tell its followers.
-- KEYS: board hash. ARGV: fence, channel, message.
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence and tonumber(fence) > tonumber(ARGV[1]) then
  return 'fenced'
end
redis.call('DEL', KEYS[1])
redis.call('SPUBLISH', ARGV[2], ARGV[3])
return 'ok'
