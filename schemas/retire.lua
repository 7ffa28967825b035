-- Remove the board of a stop that left the schedule and tell its followers.
-- KEYS: board hash, channel. ARGV: fence, message.
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence and tonumber(fence) > tonumber(ARGV[1]) then
  return 'fenced'
end
redis.call('DEL', KEYS[1])
redis.call('SPUBLISH', KEYS[2], ARGV[2])
return 'ok'
