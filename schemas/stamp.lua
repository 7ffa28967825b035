-- A new owner reads a board back and stamps its fence into it, so that the owner before it is
-- refused from here on, even where it thaws only later.
-- KEYS: board hash. ARGV: fence. Returns the hash, flat, or 'fenced', or nothing.
local fence = redis.call('HGET', KEYS[1], 'fence')
if not fence then
  return false
end
if tonumber(fence) > tonumber(ARGV[1]) then
  return 'fenced'
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return redis.call('HGETALL', KEYS[1])
