"""Reads what strace -n -X verbose prints: calls with their numbers, and values of their arguments."""

import re

# Calls that strace 6.1 does not know, by number.
NEWER = {335: "uretprobe", 336: "uprobe", 451: "cachestat", 452: "fchmodat2", 453: "map_shadow_stack", 454: "futex_wake",
         455: "futex_wait", 456: "futex_requeue", 457: "statmount", 458: "listmount", 459: "lsm_get_self_attr",
         460: "lsm_set_self_attr", 461: "lsm_list_modules", 462: "mseal", 463: "setxattrat", 464: "getxattrat",
         465: "listxattrat", 466: "removexattrat", 467: "open_tree_attr", 468: "file_getattr", 469: "file_setattr",
         470: "listns", 471: "rseq_slice_yield"}


class Call:
    """One line: name, arguments as text, result as a number or None, the name of the error or '', what follows it, number."""

    def __init__(self, name, arguments, result="", error="", after="", number=-1):
        self.name, self.arguments, self.error, self.after, self.number = name, arguments, error or "", after, number
        self.result = int(result, 0) if re.match(r"-?(0x[0-9a-f]+|\d+)$", result) else None

    def __str__(self):
        return "%s(%s)" % (self.name, ", ".join(self.arguments))


def split(text, stop=","):
    """At the commas that are in no brackets, quotes or comments."""
    out, depth, quoted, comment, part, index = [], 0, False, False, "", 0
    while index < len(text):
        c, two = text[index], text[index:index + 2]
        if quoted and c == "\\":
            part += two
            index += 2
            continue
        if not quoted and two in ("/*", "*/"):
            comment = two == "/*"
        elif not comment:
            quoted ^= c == '"'
            depth += 0 if quoted else (c in "([{") - (c in ")]}")
        if c == stop and depth == 0 and not quoted and not comment:
            out.append(part.strip())
            part = ""
        else:
            part += c
        index += 1
    return out + [part.strip()] if part.strip() else out


def read(path):
    """The calls after umask; signals that were delivered as calls of the name signaldeliver."""
    calls, on = [], False
    with open(path, encoding="utf-8") as file:
        for line in file:
            arrived = re.match(r"\[ *\d+\] --- SIG\w+ \{(.*)\} ---", line)
            made = re.match(r"\[ *(\d+)\] (\w+)\((.*)\) += (-?\w+|\?)(?: (E\w+))?(.*)", line)
            if arrived and on:
                calls.append(Call("signaldeliver", ["{" + arrived.group(1) + "}"]))
            if not made:
                continue
            number, name, arguments, result, error, after = made.groups()
            if error == "ERESTARTNOINTR":
                continue  # a signal came before the new process was made: made again
            if name.startswith("syscall_0x"):
                name = NEWER.get(int(number), name)
            if on:
                calls.append(Call(name, split(arguments), result, error, after, int(number)))
            on = on or name == "umask"
    return calls


def member(text, name, which=0):
    """Of {a=1, b=[{c=2}, {c=3}]}: the value of the which-th member of that name, wherever it is; '' if there is none."""
    found = [m.end() for m in re.finditer(r"(?<!\w)%s=" % name, text)]
    if which >= len(found):
        return ""
    rest, depth, quoted, comment = text[found[which]:], 0, False, False
    for index, c in enumerate(rest):
        if c == '"' and not comment and rest[index - 1] != "\\":
            quoted = not quoted
        if not quoted and rest[index:index + 2] in ("/*", "*/"):
            comment = rest[index] == "/"
        if quoted or comment:
            continue
        depth += (c in "([{") - (c in ")]}")
        if depth < 0 or (c == "," and depth == 0):
            return rest[:index].strip()
    return rest.strip()


def number(text):
    """Also of [5], of NULL, and of 0x1 /* ONE */|02."""
    if text in ("NULL", ""):
        return 0
    text = re.sub(r"/\*.*?\*/", "", text).split(" => ")[0].strip("[]{} ")
    value = 0
    for part in text.split("|"):
        part = part.strip()
        octal = re.match(r"0[0-7]+$", part)
        value |= int(part, 8 if octal else 0)
    return value


def names(text):
    """Of 0x3 /* A|B */: {A, B}."""
    return {n for part in re.findall(r"/\*(.*?)\*/", text) for n in re.findall(r"[A-Z]\w+", part)}


def string(text):
    """None for NULL, or for what is only an address."""
    if not text.startswith('"'):
        return None
    return text[1:text.rindex('"')].encode("latin-1").decode("unicode_escape")


def address(text):
    """As host:port or the path of a socket; '' of none."""
    port = re.search(r"htons\((\d+)\)", text)
    path = re.search(r'sun_path=(@?)"([^"]+)"', text)
    if path:
        return path.group(1) + path.group(2)
    four = re.search(r'inet_addr\("([^"]+)"\)', text)
    six = re.search(r'inet_pton\(AF_INET6, "([^"]+)"\)', text)
    host = four or six
    return "%s:%s" % (host.group(1).replace("::ffff:", ""), port.group(1)) if host and port else ""


def nanoseconds(text):
    return number(member(text, "tv_sec")) * 1000000000 + number(member(text, "tv_nsec")) if text != "NULL" else None


def signals(text):
    """Of [12 /* USR2 */ 15 /* TERM */]: {12, 15}."""
    return {int(n) for n in re.findall(r"(\d+) /\*", text)}
