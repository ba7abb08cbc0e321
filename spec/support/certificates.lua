--- Certificates for specs of TLS, made by the program openssl: a CA of their own, and
--- whatever is right or wrong about what it signs. Nearly all have one key.
local program = require "spec.support.program"

local certificates = {}

local CONFIG = [[
[req]
distinguished_name = dn
prompt = no
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
]]

local function run(folder, command)
  local ran = program.shell(folder, command)
  if ran.status ~= 0 then error(command .. "\n" .. ran.err, 2) end
  return ran.out
end
certificates.run = run

local KEY = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "

local world -- { folder =, serial = }

local function make_ca(name)
  run(world.folder, ("openssl req -x509 -config c.cnf -extensions ca -key key.pem -subj '/CN=%s' -days 3650 -out %s.pem")
    :format("Spec CA " .. name, name))
end

local function get_world()
  if world then return world end
  world = { folder = program.folder(), made = {} }
  local folder, watcher = world.folder, newproxy(true) -- the specs of other files have a world of their own
  getmetatable(watcher).__gc = function() program.remove(folder) end
  world.watcher = watcher
  program.write(world.folder .. "/c.cnf", CONFIG)
  run(world.folder, KEY .. "key.pem && " .. KEY .. "other_key.pem")
  make_ca "ca"
  make_ca "other_ca"
  return world
end

--- A path in the folder of all certificates.
---@param name string
---@return string
function certificates.path(name) return get_world().folder .. "/" .. name end

--- The file of the CA that signs unless another is named.
function certificates.ca() return certificates.path "ca.pem" end

--- A certificate and its key. `name` is its common name; `names` its subjectAltName
--- ("DNS:localhost,IP:127.0.0.1,IP:::1" unless given, false: none); `days` until it ends (10), `usage`
--- its extendedKeyUsage, `ca` who signs ("ca", "other_ca", "self").
--- `key = "rsa"` has one of that kind.
---@param given table|nil
---@return { certificate_file: string, private_key_file: string }
function certificates.issue(given)
  given = given or {}
  local here = get_world()
  local name, ca, usage = given.name or "localhost", given.ca or "ca", given.usage
  local names = given.names
  if names == nil then names = "DNS:localhost,IP:127.0.0.1,IP:::1" end
  local key = given.key == "rsa" and "rsa_key.pem" or "key.pem"
  if given.key == "rsa" and not here.rsa then
    run(here.folder, "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa_key.pem")
    here.rsa = true
  end
  local id = ("%s|%s|%s|%s|%s|%s"):format(key, name, tostring(names), tostring(given.days), tostring(usage), ca)
  if here.made[id] then return here.made[id] end
  here.serial = (here.serial or 0) + 1
  local file = ("leaf%d.pem"):format(here.serial)
  local subject = ("-subj '/CN=%s/O=Spec'"):format(name)
  local extensions = "basicConstraints = CA:FALSE\n" .. (names and "subjectAltName = " .. names .. "\n" or "")
    .. (usage and "extendedKeyUsage = " .. usage .. "\n" or "")
  program.write(here.folder .. "/leaf.cnf", extensions)
  local signed = ca == "self" and "-signkey " .. key or ("-CA %s.pem -CAkey key.pem -CAcreateserial"):format(ca)
  run(here.folder, ("openssl req -new -config c.cnf -key %s %s | openssl x509 -req %s -days %d -extfile leaf.cnf -out %s")
    :format(key, subject, signed, given.days or 10, file))
  here.made[id] = { certificate_file = certificates.path(file), private_key_file = certificates.path(key) }
  return here.made[id]
end

--- What `issue` gives, with more options.
---@param more table|nil
---@param given table|nil of `issue`
---@return table
function certificates.options(more, given)
  local all = {}
  for key, value in pairs(certificates.issue(given)) do
    all[key] = value
  end
  for key, value in pairs(more or {}) do
    all[key] = value
  end
  return all
end

return certificates
