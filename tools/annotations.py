"""What the sources say about themselves: the annotations of Lua, the comments of C.

For tools/docs-coverage, which judges it, and tools/reference, which prints it. Lua is
read by its form here (functions and fields of module tables begin a line), not parsed.
"""
import pathlib
import re

root = pathlib.Path(__file__).resolve().parent.parent


class Entry:
    """A public function or value of a table, and the --- lines above it."""

    def __init__(self, file, line, table, mark, name, parameters, above):
        self.file, self.line, self.table, self.mark, self.name = file, line, table, mark, name
        self.parameters, self.above = parameters, above

    @property
    def place(self):
        return f"{self.file.relative_to(root)}:{self.line}"

    @property
    def private(self):
        return self.name.startswith("_") or any(
            re.match(r"@(package|private|protected)\b", a) for a in self.above)

    @property
    def text(self):
        return [a for a in self.above if not a.startswith("@")]

    def tags(self, tag):
        """What stands behind each @tag."""
        return [a[len(tag) + 1:].strip() for a in self.above if re.match(rf"@{tag}\b", a)]


class Module:
    def __init__(self, file):
        self.file = file
        path = file.relative_to(root / "lua").with_suffix("").as_posix()
        self.name = re.sub(r"\.init$", "", path.replace("/", "."))
        self.lines = file.read_text().splitlines()
        self.head = comment_below(self.lines)
        self.table = None      # the local that is returned
        self.required = {}     # local -> module
        self.classes = {}      # class -> its --- lines
        self.class_of = {}     # local -> class
        self.entries = []
        self.aliases = {}      # table.name -> what it is the same as
        self._tables()
        self._entries()

    def _tables(self):
        for at, line in enumerate(self.lines):
            if match := re.match(r'local (\w+) = require\(?\s*"(cro[\w.]*)"\)?$', line):
                self.required[match[1]] = match[2]
            if match := re.match(r"return (?:setmetatable\()?(\w+)\b", line):
                self.table = match[1]
            if match := re.match(r"---\s?@class\s+(?:\(.*?\)\s*)?([\w.]+)", line):
                block = comment_above(self.lines, at) + comment_below(self.lines, at)
                self.classes[match[1]] = block
                end = at + len(comment_below(self.lines, at))
                if end < len(self.lines) and (
                        owner := re.match(r"local (\w+)\s*=", self.lines[end])):
                    self.class_of[owner[1]] = match[1]

    def is_public(self, table):
        return table == self.table or table in self.class_of or table in self.required

    def _entries(self):
        for at, line in enumerate(self.lines):
            above = comment_above(self.lines, at)
            if match := re.match(r"function (\w+)([.:])(\w+)\((.*?)\)", line):
                self._add(at, match[1], match[2], match[3], match[4], above)
            elif (match := re.match(r"local function (\w+)\((.*?)\)", line)) and \
                    match[1] == self.table:  # the module is a function
                table, _, name = self.name.rpartition(".")
                self.entries.append(Entry(self.file, at + 1, table, ".", name,
                                          re.findall(r"[\w.]+", match[2]), above))
            elif match := re.match(r"(\w+)\.(\w+) = function\((.*?)\)", line):
                self._add(at, match[1], ".", match[2], match[3], above)
            elif match := re.match(r'(\w+)(?:\.(\w+)|\["(\w+)"\]) = (.*)', line):
                name = match[2] or match[3]
                self._value(at, match[1], name, match[4], above)
            elif match := re.match(r"local (\w+) = \{$", line):
                if match[1] == self.table:
                    self._fields(at + 1, match[1])

    def _add(self, at, table, mark, name, parameters, above):
        if self.is_public(table):
            names = re.findall(r"[\w.]+", parameters)
            self.entries.append(Entry(self.file, at + 1, table, mark, name, names, above))

    def _value(self, at, table, name, value, above):
        if not self.is_public(table) or name.startswith("__"):
            return
        value = value.split(" -- ")[0]
        if re.fullmatch(r"\w+(\.\w+)?", value) and not re.fullmatch(r"\d+|true|false|nil", value):
            if "." not in value:
                if (of := self._local_function(value)) is not None:
                    self._add(of, table, ".", name, self._parameters(of),
                              above or comment_above(self.lines, of))
                    return
            elif not above:
                self.aliases[f"{table}.{name}"] = value
                return
        self.entries.append(Entry(self.file, at + 1, table, ".", name, None, above))

    def _fields(self, at, table):
        """Lines `name = other.name,` of the table that is returned."""
        while at < len(self.lines) and not self.lines[at].startswith("}"):
            if match := re.match(r"  (\w+) = (\w+\.\w+),$", self.lines[at]):
                self.aliases[f"{table}.{match[1]}"] = match[2]
            at += 1

    def _local_function(self, name):
        for at, line in enumerate(self.lines):
            if re.match(rf"local function {name}\(", line):
                return at
        return None

    def _parameters(self, at):
        return re.search(r"\((.*?)\)", self.lines[at])[1]


def comment_above(lines, at):
    """The --- lines directly above, without their dashes."""
    block = []
    while at > 0 and re.match(r"\s*---", lines[at - 1]):
        at -= 1
        block.insert(0, re.sub(r"^\s*---\s?", "", lines[at]))
    return block


def comment_below(lines, at=0):
    """The --- lines from `at` on."""
    block = []
    while at < len(lines) and lines[at].startswith("---"):
        block.append(re.sub(r"^---\s?", "", lines[at]))
        at += 1
    return block


def lua_modules():
    return [Module(file) for file in sorted((root / "lua").rglob("*.lua"))
            if "meta" not in file.relative_to(root).parts]


# --- C: what headers declare ------------------------------------------------------------


def declarations(file):
    """(line, name, documented) of each function that a header declares or defines.

    A comment is for the declarations that follow it without an empty line.
    """
    lines = file.read_text().splitlines()
    at, covered = 0, False
    while at < len(lines):
        stripped = lines[at].strip()
        if stripped.startswith("/*"):
            while "*/" not in lines[at]:
                at += 1
            covered = True
        elif not stripped or stripped.startswith("#"):
            # A macro or an empty line: what follows needs a comment of its own.
            while lines[at].endswith("\\"):
                at += 1
            covered = False
        else:
            first, text, at = at, *statement(lines, at)
            head = text.split("{")[0]
            match = re.match(r"(?!typedef|extern)[\w\s*]+?\b(\w+)\s*\(", head.strip())
            if match:
                yield first + 1, match[1], covered or "/*" in lines[at]
            elif "{" in text and not head.strip().startswith("typedef"):
                covered = False
        at += 1


def statement(lines, at):
    """The declaration or definition that begins at `at`, and its last line."""
    text, depth = "", 0
    while True:
        code = re.sub(r"/\*.*?(\*/|$)|^.*\*/", "", lines[at]) if "/*" in lines[at] or \
            "*/" in lines[at] else lines[at]
        text += " " + code.strip()
        depth += code.count("{") - code.count("}")
        if depth <= 0 and code.rstrip().endswith((";", "}")) or at + 1 == len(lines):
            return text, at
        at += 1


# --- C: what is registered for Lua ------------------------------------------------------


class Binding:
    """A C function that Lua calls: `object:name` of a box or `core.name`."""

    def __init__(self, file, name, function, kind):
        self.file, self.name, self.function, self.kind = file, name, function, kind
        self.comment = ""
        for source in [file, *sorted((root / "src/bind").glob("*.[ch]"))]:
            match = re.search(r"/\*((?:(?!\*/).)*)\*/\n(?:static )?(?:int|void) " + function
                              + r"\(lua_State", source.read_text(), re.S)
            if match and not self.comment:
                self.comment = re.sub(r"\s*\n \*\s*", " ", match[1].strip())


def bindings():
    """Everything that luaL_Reg tables and the openers give to Lua."""
    found = []
    for file in sorted((root / "src/bind").glob("*.c")):
        source = file.read_text()
        for table, body in re.findall(r"static const luaL_Reg (\w+)\[\] = \{(.*?)\n\s*\};",
                                      source, re.S):
            kind = "core" if table == "functions" else \
                table.removesuffix("_methods") if table != "methods" else \
                file.stem.removeprefix("l_")
            for name, function in re.findall(r'\{\s*"(\w+)",\s*(\w+)\s*\}', body):
                found.append(Binding(file, name, function, kind))
        for function, name in re.findall(
                r'(?:lua_pushcfunction\(L, |\b(?=lcro_))(\w+)(?:\)|\(L\));\s*'
                r'lua_setfield\(L, -2, "([a-z]\w*)"\);', source):
            found.append(Binding(file, name, function, "core"))
    return found
