-- Keep (time to live > 0) or give back (0) a lease that is still ours.
-- KEYS: lease. ARGV: '<owner> <fence>', time to live in milliseconds. Returns 1 if it was ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if tonumber(ARGV[2]) > 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
return 1
