-- A new owner reads a board back and stamps its fence into it, so that the owner before it is
-- refused from here on, even where it thaws only later.
-- KEYS: board hash. ARGV: fence. Returns version and frame, or 'fenced', or nothing.
local stands = redis.call('HMGET', KEYS[1], 'version', 'frame', 'fence')
if not stands[1] then
  return false
end
if tonumber(stands[3]) > tonumber(ARGV[1]) then
  return 'fenced'
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return {stands[1], stands[2]}
