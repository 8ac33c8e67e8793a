"""Packs Quantum as old cabinets have it: an adaptive arithmetic code whose raw bits lie between the code's, where
the decoder, 16 bits ahead, comes upon them."""

FRAME = 32768


def slots(count, bits_of, base=0):
    out = []
    for slot in range(count):
        out.append((base, bits_of(slot)))
        base += 1 << bits_of(slot)
    return out


OFFSETS = slots(42, lambda slot: 0 if slot < 2 else slot // 2 - 1)
LENGTHS = slots(26, lambda slot: 0 if slot < 6 else (slot - 2) // 4) + [(254, 0)]


class Model:
    def __init__(self, first, count):
        self.symbols = [[first + i, count - i] for i in range(count + 1)]
        self.count, self.shifts = count, 4

    def update(self, place):
        for i in range(place + 1):
            self.symbols[i][1] += 8
        if self.symbols[0][1] <= 3800:
            return
        symbols = self.symbols
        self.shifts -= 1
        if self.shifts:
            for i in range(self.count - 1, -1, -1):
                symbols[i][1] = max(symbols[i][1] >> 1, symbols[i + 1][1] + 1)
            return
        self.shifts = 50
        for i in range(self.count):
            symbols[i][1] = (symbols[i][1] - symbols[i + 1][1] + 1) >> 1
        for i in range(self.count - 1):
            for j in range(i + 1, self.count):
                if symbols[i][1] < symbols[j][1]:
                    symbols[i], symbols[j] = symbols[j], symbols[i]
        for i in range(self.count - 1, -1, -1):
            symbols[i][1] += symbols[i + 1][1]


class Coder:
    def __init__(self):
        self.low, self.high, self.under = 0, 0xFFFF, 0
        self.code, self.raw, self.shifts = [], {}, 0

    def bit(self, bit):
        self.code += [bit] + [1 - bit] * self.under
        self.under = 0

    def symbol(self, model, value):
        place = next(i for i, symbol in enumerate(model.symbols[: model.count]) if symbol[0] == value)
        total, size = model.symbols[0][1], self.high - self.low + 1
        self.high = self.low + model.symbols[place][1] * size // total - 1
        self.low += model.symbols[place + 1][1] * size // total
        model.update(place)
        while True:
            if self.low & 0x8000 == self.high & 0x8000:
                self.bit(self.high >> 15)
            elif self.low & 0x4000 and not self.high & 0x4000:
                self.under += 1
                self.low &= 0x3FFF
                self.high |= 0x4000
            else:
                return
            self.low = self.low << 1 & 0xFFFF
            self.high = (self.high << 1 | 1) & 0xFFFF
            self.shifts += 1

    def bits(self, value, count):
        self.raw.setdefault(self.shifts, []).extend(value >> i & 1 for i in range(count - 1, -1, -1))

    def finish(self):
        self.bit(self.high >> 15)
        self.code += [self.high >> i & 1 for i in range(14, -1, -1)]
        out = []
        for i, bit in enumerate(self.code):
            out.append(bit)
            out += self.raw.get(i - 15, [])
        out += [0] * (-len(out) % 8)
        return bytes(int("".join(map(str, out[i : i + 8])), 2) for i in range(0, len(out), 8))


def slot_of(table, value, count):
    slot = max(i for i in range(count) if table[i][0] <= value)
    return slot, value - table[slot][0], table[slot][1]


def pack(data, window):
    """The chunks of all frames."""
    literals = [Model(first, 64) for first in (0, 64, 128, 192)]
    most = window * 2
    offsets = [Model(0, min(24, most)), Model(0, min(36, most)), Model(0, most)]
    lengths, selector = Model(0, 27), Model(0, 7)
    chunks, table = [], {}
    for start in range(0, len(data), FRAME):
        end = min(len(data), start + FRAME)
        coder, at = Coder(), start
        while at < end:
            length = offset = 0
            for before in reversed(table.get(data[at : at + 3], [])[-8:]):
                if at - before > (1 << window) - 1:
                    break
                n = 0
                while n < 259 and at + n < end and data[before + n] == data[at + n]:
                    n += 1
                if n > length:
                    length, offset = n, at - before
            reach = {3: min(24, most), 4: min(36, most)}.get(length, most)
            limit = OFFSETS[reach - 1][0] + (1 << OFFSETS[reach - 1][1])
            if length >= 3 and offset <= limit:
                if length < 5:
                    coder.symbol(selector, length + 1)
                    model = offsets[length - 3]
                else:
                    coder.symbol(selector, 6)
                    slot, more, count = slot_of(LENGTHS, length - 5, 27)
                    coder.symbol(lengths, slot)
                    coder.bits(more, count)
                    model = offsets[2]
                slot, more, count = slot_of(OFFSETS, offset - 1, model.count)
                coder.symbol(model, slot)
                coder.bits(more, count)
            else:
                length = 1
                coder.symbol(selector, data[at] >> 6)
                coder.symbol(literals[data[at] >> 6], data[at])
            for i in range(at, at + length):
                table.setdefault(data[i : i + 3], []).append(i)
            at += length
        chunks.append(coder.finish())
    return chunks
