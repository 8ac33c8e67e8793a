"""Packs LZX as cabinets have it: verbatim, aligned and stored blocks, repeated offsets, translated calls. Not
well, but with everything a decoder has to know."""
import heapq
import struct

FRAME = 32768
SLOTS = {15: 30, 16: 32, 17: 34, 18: 36, 19: 38, 20: 42, 21: 50}
BITS = [0, 0, 0, 0] + [min(17, slot // 2 - 1) for slot in range(4, 50)]
BASE = [0]
for bits in BITS:
    BASE.append(BASE[-1] + (1 << bits))


class Bits:
    def __init__(self):
        self.out, self.word, self.count = bytearray(), 0, 0

    def put(self, value, count):
        for i in range(count - 1, -1, -1):
            self.word = self.word << 1 | (value >> i & 1)
            self.count += 1
            if self.count == 16:
                self.out += struct.pack("<H", self.word)
                self.word = self.count = 0

    def align(self, whole_word=False):
        if self.count or whole_word:
            self.put(0, 16 - self.count)

    def take(self):
        out, self.out = bytes(self.out), bytearray()
        return out


def lengths(counts, longest):
    """Lengths of a whole prefix code; all 0 where nothing is counted."""
    counts = list(counts)
    used = [i for i, count in enumerate(counts) if count]
    if not used:
        return [0] * len(counts)
    for other in range(len(counts)):
        if len(used) < 2 and other not in used:
            counts[other] = 1
            used.append(other)
    while True:
        heap = [(counts[i], i, (i,)) for i in used]
        heapq.heapify(heap)
        out = [0] * len(counts)
        while len(heap) > 1:
            a, b = heapq.heappop(heap), heapq.heappop(heap)
            for i in a[2] + b[2]:
                out[i] += 1
            heapq.heappush(heap, (a[0] + b[0], min(a[1], b[1]), a[2] + b[2]))
        if max(out) <= longest:
            return out
        counts = [count // 2 + 1 if count else 0 for count in counts]


def codes(lens):
    out, code = [0] * len(lens), 0
    for length in range(1, 17):
        for i, this in enumerate(lens):
            if this == length:
                out[i] = code
                code += 1
        code <<= 1
    return out


def translate(data, size):
    out = bytearray(data)
    for start in range(0, len(data), FRAME):
        end = min(len(data), start + FRAME)
        at = start
        while at < end - 10:
            if out[at] != 0xE8:
                at += 1
                continue
            (relative,) = struct.unpack_from("<i", out, at + 1)
            if -at <= relative < size - at:
                struct.pack_into("<i", out, at + 1, relative + at)
            elif size - at <= relative < size:
                struct.pack_into("<i", out, at + 1, relative - size)
            at += 5
    return bytes(out)


def tokens(data, start, end, window, table):
    """(position, literal) or (position, length, offset), none over the end of a frame."""
    at = start
    out = []
    while at < end:
        stop = min(end, at // FRAME * FRAME + FRAME)
        key = data[at : at + 3]
        best = 0, 0
        for before in reversed(table.get(key, [])[-8:]):
            offset = at - before
            if offset > (1 << window) - 4:
                break
            length = 0
            while length < 257 and at + length < stop and data[before + length] == data[at + length]:
                length += 1
            if length > best[0]:
                best = length, offset
        length, offset = best
        step = length if length >= 3 else 1
        out.append((at, length, offset) if length >= 3 else (at, data[at]))
        for i in range(at, at + step):
            table.setdefault(data[i : i + 3], []).append(i)
        at += step
    return out


def put_lengths(bits, old, new):
    """The differences to the block before, zeros in runs."""
    ops, at = [], 0
    while at < len(new):
        run = 0
        while at + run < len(new) and new[at + run] == 0 and run < 51:
            run += 1
        same = 0
        while at + same < len(new) and new[at + same] == new[at] and same < 5:
            same += 1
        if run >= 20:
            ops.append((18, run - 20, 5))
            at += run
        elif run >= 4:
            run = min(run, 19)
            ops.append((17, run - 4, 4))
            at += run
        elif same >= 4:
            ops.append((19, same - 4, 1))
            ops.append(((old[at] - new[at]) % 17, 0, 0))
            at += same
        else:
            ops.append(((old[at] - new[at]) % 17, 0, 0))
            at += 1
    counts = [0] * 20
    for op, _, _ in ops:
        counts[op] += 1
    lens = lengths(counts, 15)
    code = codes(lens)
    for length in lens:
        bits.put(length, 4)
    for op, more, count in ops:
        bits.put(code[op], lens[op])
        bits.put(more, count)


def pack(data, window, kinds="v", e8=False, block=50000):
    """The chunks of all frames; blocks are of the kinds v, a, u in turn, each of `block` bytes."""
    size = 12000000 if e8 else 0
    if e8:
        data = translate(data, size)
    bits, chunks, table = Bits(), [], {}
    bits.put(1 if e8 else 0, 1)
    if e8:
        bits.put(size >> 16, 16)
        bits.put(size & 0xFFFF, 16)
    main_old, length_old = [0] * (256 + 8 * SLOTS[window]), [0] * 249
    recent = [1, 1, 1]

    def end_of_frame(at):
        if at % FRAME == 0 or at == len(data):
            bits.align()
            chunks.append(bits.take())

    for number, start in enumerate(range(0, len(data), block)):
        end = min(len(data), start + block)
        kind = kinds[number % len(kinds)]
        bits.put({"v": 1, "a": 2, "u": 3}[kind], 3)
        bits.put(end - start, 24)
        if kind == "u":
            for i in range(start, end):
                table.setdefault(data[i : i + 3], []).append(i)
            bits.align(whole_word=True)
            bits.out += struct.pack("<III", *recent)
            at = start
            while at < end:
                stop = min(end, at // FRAME * FRAME + FRAME)
                bits.out += data[at:stop]
                at = stop
                if at == end and (end - start) % 2:
                    bits.out += b"\0"
                end_of_frame(at)
            continue
        coded, main, length_counts, aligned = [], [0] * len(main_old), [0] * 249, [1] * 8
        for at, *token in tokens(data, start, end, window, table):
            if len(token) == 1:
                coded.append((at, 1, token[0], None, None))
                main[token[0]] += 1
                continue
            length, offset = token
            if offset in recent:
                slot = recent.index(offset)
                recent[0], recent[slot] = recent[slot], recent[0]
                extra = (0, 0)
            else:
                slot = max(i for i in range(SLOTS[window]) if BASE[i] <= offset + 2)
                extra = (offset + 2 - BASE[slot], BITS[slot])
                recent = [offset] + recent[:2]
                if BITS[slot] >= 3:
                    aligned[extra[0] & 7] += 1
            symbol = 256 + slot * 8 + min(7, length - 2)
            main[symbol] += 1
            if length >= 9:
                length_counts[length - 9] += 1
            coded.append((at, length, symbol, length - 9 if length >= 9 else None, extra))
        main_lens, length_lens, aligned_lens = lengths(main, 16), lengths(length_counts, 16), lengths(aligned, 7)
        main_codes, length_codes, aligned_codes = codes(main_lens), codes(length_lens), codes(aligned_lens)
        if kind == "a":
            for length in aligned_lens:
                bits.put(length, 3)
        put_lengths(bits, main_old[:256], main_lens[:256])
        put_lengths(bits, main_old[256:], main_lens[256:])
        put_lengths(bits, length_old, length_lens)
        main_old, length_old = main_lens, length_lens
        for at, length, symbol, more, extra in coded:
            bits.put(main_codes[symbol], main_lens[symbol])
            if more is not None:
                bits.put(length_codes[more], length_lens[more])
            if extra:
                value, count = extra
                if kind == "a" and count >= 3:
                    bits.put(value >> 3, count - 3)
                    bits.put(aligned_codes[value & 7], aligned_lens[value & 7])
                else:
                    bits.put(value, count)
            end_of_frame(at + length)
    return chunks
