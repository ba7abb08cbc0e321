local assert = require "luassert"

return {
  [2] = {
    names = function(run)
      local cro, now = require "cro", nil
      return {
        assert = assert,
        describe = function(_, body) body() end,
        before_each = function(fn) run.before = fn end,
        after_each = function(fn) run.after = fn end,
        it = function(_, body) run.body = body end,
        Session = {
          new = function()
            now = cro.now()
            return { expired = function() return cro.now() - now > 899.9 end }
          end,
        },
      }
    end,
    check = function(run)
      run.before()
      local ok, err = pcall(run.body)
      run.after()
      assert.is_true(ok, err)
    end,
  },
  [4] = { names = function() return {} end },
}
