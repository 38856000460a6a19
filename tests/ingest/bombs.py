"""Files that aim at memory and time: endless lines and brackets, entities, archives that unpack to gigabytes."""

import gzip
import io
import zipfile

SMALL_LINE, LARGE_LINE = 5 << 20, 100 << 20


def heads() -> dict[str, bytes]:
    """The first bytes of a file of each format: what follows is the format's to survive."""
    return {
        "canonical": b"meter_id,interval_start,duration_s,import_kwh,export_kwh\n",
        "nem12": b"100,NEM12,200405011135,MDA1,Ret1\n200,1,E1,1,E1,,,KWH,30,\n300,20040201,",
        "ocpp": b'[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2013-07-10T09:00:00Z"}]}]\n[2,"',
        "ocpi": b'[{"id":"1","start_date_time":"2013-07-10T09:00:00Z","charging_periods":[],"kwh":"',
        "acn": b'{"_items":[{"connectionTime":"","kWhDelivered":"',
        "ocmf": b"OCMF|{",
        "ocmf_xml": b'<values><value><signedData format="OCMF">',
        "espi": b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><content><IntervalBlock xmlns="http://naesb.org/espi">',
        "comed": b"TYPE,DATE,START TIME,END TIME,USAGE\n",
        "plain": b"",
    }


def long_lines(size: int, of: str = "") -> dict[str, bytes]:
    """Files of a line that never ends, behind the head of each format, or of one of them."""
    found = {}
    for name, head in heads().items():
        if of not in {name, ""}:
            continue
        fillers = {"letters": b"a", "commas": b","}
        if size <= SMALL_LINE and name not in {"canonical", "nem12", "comed"}:
            fillers |= {"brackets": b"[", "quotes": b'"', "tags": b"<a>"}
        found |= {f"{name}_{what}": head + filler * (size // len(filler)) for what, filler in fillers.items()}
    return found


def bombs() -> dict[str, bytes]:
    """Small files that want to be gigabytes."""
    layers = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY b0 "boom">{layers}]>'
    outside = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY b9 SYSTEM "file:///dev/zero">]>'
    bodies = {
        "ocmf": '<values><value><signedData format="OCMF">&b9;</signedData></value></values>',
        "espi": '<feed xmlns="http://www.w3.org/2005/Atom"><entry><content>&b9;</content></entry></feed>',
    }
    found = {f"{name}_entities": (bomb + body).encode() for name, body in bodies.items()}
    found |= {f"{name}_outside": (outside + body).encode() for name, body in bodies.items()}
    block = gzip.compress(b"0" * (16 << 20))
    found["gzip_bomb"] = block * 100
    found["zip_bomb"] = bomb_of_overlapping_entries(1000)
    return found


def bomb_of_overlapping_entries(count: int) -> bytes:
    """A zip whose directory names the same 16 MiB of zeros again and again."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("a0000.csv", b"0" * (16 << 20))
    content = out.getvalue()
    at = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    entry = content[at:end]
    # All name the one local entry: a reader that compares the two names refuses them, one that does not unpacks 16 GB.
    directory = entry * count
    tail = bytearray(content[end:])
    tail[8:12] = count.to_bytes(2, "little") * 2
    tail[12:16] = len(directory).to_bytes(4, "little")
    return content[:at] + directory + bytes(tail)
