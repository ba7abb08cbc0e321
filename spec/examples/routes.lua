local id = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
local STATUS = [[curl -s -o /dev/null -w '%{http_code}']]

return {
  port = true,
  out = "",
  clients = {
    { run = "curl -s $URL/", out = "/catalogue/products/1\n" },
    { run = "curl -s $URL/catalogue/products/2", out = { '"name":"beef"' } },
    { run = "curl -s $URL/catalogue/products/9", out = "no such product\n" },
    { run = STATUS .. " $URL/catalogue/products/beef", out = "404" },
    { run = "curl -s $URL/catalogue/search/ee", out = "beef\n" },
    { run = "curl -s $URL/user-log/" .. id, out = "log of " .. id .. "\n" },
    { run = STATUS .. " $URL/user-log/" .. (id:gsub("%-4", "-5")), out = "404" },
    { run = "curl -s $URL/products/by-tag", out = "chili beef noodles\n" },
    { run = "curl -s $URL/products/by-tag/hot", out = "chili\n" },
    { run = "curl -s $URL/products/page", out = "page 1\n" },
    { run = "curl -s $URL/products/page/7", out = "page 7\n" },
    { run = "curl -s $URL/tree/a%20b/c", out = "a b > c\n" },
    { run = "curl -s $URL/search?term=ood", out = "noodles\n" },
    { run = STATUS .. " $URL/search", out = "400" },
    { run = "curl -s \"$URL/category/meat?min_price=5\"", out = "beef\n" },
    { run = "curl -s \"$URL/category/meat?max_price=5.5\"", out = "\n" },
    { run = STATUS .. " \"$URL/category/meat?min_price=cheap\"", out = "400" },
    { run = STATUS .. " $URL/nowhere", out = "404" },
    { run = STATUS .. " $URL/products/page/", out = "404" },
    { run = "curl -s -i -X DELETE $URL/search", out = { "HTTP/1.1 405", "Allow: GET, HEAD, OPTIONS" } },
    { run = "curl -s -i -X OPTIONS $URL/search", out = { "HTTP/1.1 204", "Allow: GET, HEAD, OPTIONS" } },
    { run = "curl -s -I $URL/products/page", out = { "HTTP/1.1 200", "Content-Length: 7" } },
    { run = STATUS .. " $URL/admin/stock", out = "401" },
    { run = "curl -s -H 'X-Key: sesame' $URL/admin/stock", out = "3 products\n" },
  },
}
