-- Store boards and publish what changed, or refuse.
-- KEYS: board hash of each. ARGV: fence, time to live in seconds, and of each board its channel,
-- prev ('' = whatever stands), version, snapshot frame ('' = the patch goes behind the one that
-- stands), patch frame ('' = there is only the snapshot). A channel is no key: where it is named as
-- one, a Cluster refuses the script while the slot migrates.
-- Returns 'fenced' (a newer owner has written, and nothing is written after it), or the places,
-- from 0, of boards that were refused: another version stands, so the patch does not fit.
local moved = {}
for place = 0, #KEYS - 1 do
  local board = KEYS[place + 1]
  local channel, prev, version, snapshot, patch = unpack(ARGV, 5 * place + 3, 5 * place + 7)
  local stands = redis.call('HMGET', board, 'version', 'fence')
  if stands[2] and tonumber(stands[2]) > tonumber(ARGV[1]) then
    return 'fenced'
  end
  if prev ~= '' and (stands[1] or '0') ~= prev then
    moved[#moved + 1] = place
  else
    if snapshot ~= '' then
      local patches = {}
      for _, field in ipairs(redis.call('HKEYS', board)) do
        patches[#patches + 1] = tonumber(field) and field
      end
      redis.call('HSET', board, 'version', version, 'fence', ARGV[1], 'base', version, 'frame', snapshot)
      if #patches > 0 then -- after: a key that was away for a moment is another node's while its slot migrates
        redis.call('HDEL', board, unpack(patches))
      end
    else
      redis.call('HSET', board, 'version', version, 'fence', ARGV[1], version, patch)
    end
    redis.call('EXPIRE', board, ARGV[2])
    local frame = patch ~= '' and patch or snapshot
    local after = prev ~= '' and prev or '0'
    redis.call('SPUBLISH', channel, after .. ' ' .. version .. ' ' .. ARGV[1] .. '\n' .. frame)
  end
end
return moved
