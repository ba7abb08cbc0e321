--- The names of `cro.http.router` for scripts that like them bare:
--- `local get, post, route = dsl.get, dsl.post, dsl.route`.
return require "cro.http.router"
