// A zip archive of files as they are: stored, not packed, for most of them are packed already.

const TABLE = new Uint32Array(256).map((_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function checksum(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (let place = 0; place < bytes.length; place++) value = TABLE[(value ^ bytes[place]!) & 255]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** One archive of the files, all of the same date; under 4 GB. */
export function zip(files: { name: string; data: Uint8Array }[], when: Date): Blob {
  const parts: BlobPart[] = [];
  const list: BlobPart[] = [];
  const day = ((when.getFullYear() - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  const hour = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  let place = 0;
  let listed = 0;
  for (const { name, data } of files) {
    const letters = new TextEncoder().encode(name);
    const fields = (view: DataView, at: number): void => {
      view.setUint16(at, 20, true);
      view.setUint16(at + 2, 0x0800, true); // names are UTF-8
      view.setUint16(at + 6, hour, true);
      view.setUint16(at + 8, day, true);
      view.setUint32(at + 10, checksum(data), true);
      view.setUint32(at + 14, data.length, true);
      view.setUint32(at + 18, data.length, true);
      view.setUint16(at + 22, letters.length, true);
    };
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    fields(local, 4);
    const central = new DataView(new ArrayBuffer(46));
    central.setUint32(0, 0x02014b50, true);
    central.setUint16(4, 20, true);
    fields(central, 6);
    central.setUint32(42, place, true);
    parts.push(local.buffer as ArrayBuffer, letters, data as BlobPart);
    list.push(central.buffer as ArrayBuffer, letters);
    place += 30 + letters.length + data.length;
    listed += 46 + letters.length;
  }
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, files.length, true);
  end.setUint16(10, files.length, true);
  end.setUint32(12, listed, true);
  end.setUint32(16, place, true);
  return new Blob([...parts, ...list, end.buffer as ArrayBuffer], { type: 'application/zip' });
}
