--- `crolua dev-cert`: a certificate authority of one's own and certificates for development.
local core = require "cro.core"

local NAMES = { "localhost", "127.0.0.1", "::1" }
--- Seconds before its end that a certificate is no longer good enough.
local SOON = 30 * 24 * 3600

local HELP = [[
Makes what a server with TLS needs on your own machine: a certificate for
localhost, 127.0.0.1, ::1 and the names you give, and once, before that, the
authority that signs it. Whatever trusts the authority trusts every certificate
you make with it later.

  --dir D      where the files are; default ~/.config/crolua
  --client     one for clients (client-crt.pem), for servers that ask for one:
               verify = "require", client_ca_file = "ca.pem"
  --days N     how long it is good, 1 to 825, the default
  --force      makes another in the place of one that is there, with another key
  --help       shows this

Files: ca.pem (to be trusted), ca-key.pem (who has it can pretend to be any site
to those who trust it: keep it to yourself), server-crt.pem, server-key.pem.
Run again it makes nothing anew while what is there is good.

Try:
  crolua dev-cert
  crolua dev-cert --dir certs app.test '*.app.test' 192.168.1.20
]]

local function default_dir()
  local config, home = os.getenv "XDG_CONFIG_HOME", os.getenv "HOME"
  if config and config:sub(1, 1) == "/" then return config .. "/crolua" end
  if home and home ~= "" then return home .. "/.config/crolua" end
  error("neither HOME nor XDG_CONFIG_HOME says where your files are; give --dir", 0)
end

--- Without "." and empty names. ".." stays: what is before it may be a link.
local function tidy(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    if part ~= "." then parts[#parts + 1] = part end
  end
  return (path:sub(1, 1) == "/" and "/" or "") .. table.concat(parts, "/")
end

--- As programs in other directories would name it.
local function absolute(path)
  local here = os.getenv "PWD"
  if path:sub(1, 1) == "/" then return tidy(path) end
  if here then return tidy(here .. "/" .. path) end
  local relative = tidy(path)
  return relative ~= "" and relative or "."
end

local function names_of(words, client)
  local names, seen = {}, {}
  local function add(name)
    if not seen[name] then
      seen[name], names[#names + 1] = true, name
    end
  end
  if not client or #words == 0 then
    for _, name in ipairs(NAMES) do
      add(name)
    end
  end
  for _, name in ipairs(words) do
    add(name)
  end
  return names
end

local function files_in(dir, kind)
  return {
    ca_file = dir .. "/ca.pem",
    ca_key_file = dir .. "/ca-key.pem",
    certificate_file = ("%s/%s-crt.pem"):format(dir, kind),
    private_key_file = ("%s/%s-key.pem"):format(dir, kind),
  }
end

local function days_of(text)
  if not text then return nil end
  local days = tonumber(text)
  if days and days % 1 == 0 and days >= 1 and days <= 825 then return days end
  error(("--days: a whole number from 1 to 825 expected, got '%s'"):format(text), 0)
end

local function make_dir(dir)
  local cro = require "cro"
  cro.await(cro.file.mkdir(dir, { parents = true, mode = tonumber("700", 8) }))
end

local function date(seconds) return os.date("!%Y-%m-%d", seconds) end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- What is there already: good as it is (true), nothing (false); or an error that says what to
--- do.
local function look(wanted)
  if not exists(wanted.certificate_file) and not exists(wanted.private_key_file) then return false end
  local seen, err = core.tls_dev_look(wanted)
  local why = not seen and tostring(err)
    or not seen.ours and wanted.certificate_file .. " is not signed by " .. wanted.ca_file
    or not seen.covers and wanted.certificate_file .. " is not for all of " .. table.concat(wanted.names, ", ")
    or seen.good_until < os.time() + SOON and wanted.certificate_file .. " ends on " .. date(seen.good_until)
  if why then error(why .. "; --force makes another in its place, with another key", 0) end
  return true, seen.good_until
end

local AUTHORITY = [[
Made an authority that signs certificates, for ten years:
  %s
  %s  (keep it to yourself)
]]

local SERVER = [[

Serve with it:
  tls = { certificate_file = "%s",
          private_key_file = "%s" }

Trust it:
  crolua    cro.tls.connect("localhost", 8443, { ca_file = "%s" })
  curl      curl --cacert %s https://localhost:8443/
  node      NODE_EXTRA_CA_CERTS=%s node client.js
  browsers  import ca.pem as an authority (Firefox: Settings, Certificates;
            Chromium: chrome://certificate-manager)
  Debian    sudo cp %s /usr/local/share/ca-certificates/crolua.crt
            sudo update-ca-certificates
]]

local CLIENT = [[

Show it to a server:
  cro.tls.connect("localhost", 8443, {
    certificate_file = "%s",
    private_key_file = "%s",
    ca_file = "%s" })

The server asks for one with:
  tls = { verify = "require", client_ca_file = "%s", ... }
]]

local function tell(wanted, client)
  if client then
    return CLIENT:format(wanted.certificate_file, wanted.private_key_file, wanted.ca_file, wanted.ca_file)
  end
  return SERVER:format(wanted.certificate_file, wanted.private_key_file, wanted.ca_file, wanted.ca_file, wanted.ca_file,
    wanted.ca_file)
end

local function made(wanted)
  local new_authority, err = core.tls_dev_certificate(wanted)
  if new_authority == nil then error(err.message, 0) end
  if new_authority then io.stdout:write(AUTHORITY:format(wanted.ca_file, wanted.ca_key_file)) end
  local seen = core.tls_dev_look(wanted)
  io.stdout:write(("Made a certificate for %s, good until %s:\n  %s\n  %s\n"):format(
    table.concat(wanted.names, ", "), date(seen.good_until), wanted.certificate_file, wanted.private_key_file))
end

local function run(given, words)
  local dir = absolute(given.dir or default_dir())
  local wanted = files_in(dir, given.client and "client" or "server")
  wanted.names, wanted.client, wanted.days = names_of(words, given.client), given.client, days_of(given.days)
  make_dir(dir)
  local good, good_until = false, nil
  if not given.force then
    good, good_until = look(wanted)
  end
  if good then
    io.stdout:write(("There is a certificate for %s already, good until %s:\n  %s\n  %s\n"):format(
      table.concat(wanted.names, ", "), date(good_until), wanted.certificate_file, wanted.private_key_file))
  else
    made(wanted)
  end
  io.stdout:write(tell(wanted, given.client))
  return true
end

return {
  usage = "dev-cert [--dir D] [--client] [--days N] [--force] [names]",
  help = HELP,
  options = { dir = "value", client = "flag", days = "value", force = "flag" },
  run = run,
}
