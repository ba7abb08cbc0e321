return {
  {
    rewrite = function(code, run)
      local trace = require "cro.pipeline.trace"
      local write = trace.write
      run.finally[1] = function() trace.write = write end
      trace.write = function(line) run.printed[#run.printed + 1] = (line:gsub("\n$", "")) end
      return code
    end,
  },
}
