-- Write a feed's state, if whoever tells it holds the lease: a word that comes late, or for the second
-- time into a Redis that was emptied meanwhile, would say of boards that they are all there.
-- KEYS: lease, feed hash. ARGV: '<owner> <fence>', time to live in seconds, then fields and values.
-- Returns 1, or 'fenced'.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 'fenced'
end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
