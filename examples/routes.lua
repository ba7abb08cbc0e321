--- A shop's routes: typed segments, a type of one's own, optional parts, the query. What
--- does not fit is answered without a line of code: 404, 405 with Allow, 400.
local cro = require "cro"
local http = require "cro.http"
local r = require "cro.http.router"

local products = {
  { id = 1, name = "chili", tag = "hot", price = 3 },
  { id = 2, name = "beef", tag = "meat", price = 9 },
  { id = 3, name = "noodles", tag = "plain", price = 2 },
}

local function where(test)
  local found = {}
  for _, product in ipairs(products) do
    if test(product) then found[#found + 1] = product.name end
  end
  return table.concat(found, " ") .. "\n"
end

r.type("uuid_v4", function(text)
  local third, fourth = text:match "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-(%x)%x%x%x%-(%x)%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
  return third == "4" and fourth:match "[89abAB]" and text:lower() or nil
end)

local admin = r.route {
  r.before_matched(function(c)
    if c.headers["X-Key"] ~= "sesame" then c:unauthorized("text/plain", "no key\n") end
  end),
  r.get("/stock", { name = "stock" }, function(c) c:text(#products .. " products\n") end),
}

local app = r.route {
  r.get("/", function(c) c:text(c:link("product", { id = 1 }) .. "\n") end),
  r.get("/catalogue/products/{id:int}", { name = "product" }, function(c, id)
    local product = products[id]
    if not product then return c:not_found("text/plain", "no such product\n") end
    c:json(product)
  end),
  r.get("/catalogue/search/{term}", function(c, term)
    c:text(where(function(product) return product.name:find(term, 1, true) end))
  end),
  r.get("/user-log/{id:uuid_v4}", function(c, id) c:text("log of " .. id .. "\n") end),
  r.get("/products/by-tag/{tag?}", function(c, tag)
    c:text(where(function(product) return tag == nil or product.tag == tag end))
  end),
  r.get("/products/page/{n:int=1}", function(c, n) c:text("page " .. n .. "\n") end),
  r.get("/tree/{path*}", function(c, path) c:text(table.concat(path, " > ") .. "\n") end),
  r.get("/search", { query = { term = "string!" } }, function(c)
    c:text(where(function(product) return product.name:find(c.query.term, 1, true) end))
  end),
  r.get("/category/{name}", { query = { min_price = "number", max_price = "number" } }, function(c, name)
    local low, high = c.query.min_price or 0, c.query.max_price or math.huge
    c:text(where(function(product)
      return product.tag == name and product.price >= low and product.price <= high
    end))
  end),
  r.include("/admin", admin),
}

cro.run(http.server {
  host = os.getenv "HOST" or "127.0.0.1",
  port = tonumber(os.getenv "PORT" or 8080),
  application = app,
})
