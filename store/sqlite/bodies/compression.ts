import {
  constants,
  ZstdCompress,
  zstdCompressSync,
  ZstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { limits } from '../../limits.ts';
import { isWholeFrame } from './zstd-frame.ts';

/** Compresses pieces of mail, and gives them back. One for each thread: it has memory that it uses again. */
export interface Codec {
  /** Zstandard with {@link dictionary}; the result is valid until the next call. At most 64 KiB. */
  compress(bytes: Uint8Array): Uint8Array;
  /**
   * Fills the target with what was compressed.
   *
   * @throws {Error} if that is damaged, or not as long as the target
   */
  decompress(compressed: Uint8Array, target: Uint8Array): void;
}

/**
 * Words that stand in most mail, the commonest at the end. What was compressed with it cannot be read with another one, so
 * it stays as it is for ever.
 */
const dictionary = Buffer.from(
  [
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN">\r\n<html><head><meta http-equiv="Content-Type" ',
    'content="text/html; charset=utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><style ',
    'type="text/css"></style></head><body><table width="100%" border="0" cellpadding="0" cellspacing="0" align="center" ',
    'style="font-family:Arial,Helvetica,sans-serif;font-size:14px;line-height:1.5;color:#333333;text-align:center;">',
    '<tr><td><img src="https://www. alt="" width="1" height="1"><div><span><p>&nbsp;</p></span></div></td></tr></table>',
    '<a href="https://click. target="_blank"></a></body></html>\r\n',
    'Feedback-ID: X-Spam-Status: No, score= required=5.0 tests=\r\nX-Mailer: Microsoft Outlook 16.0\r\nThread-Index: ',
    'X-MS-Exchange-Organization-AuthSource: X-Originating-IP: User-Agent: Mozilla Thunderbird\r\nAccept-Language: en-US\r\n',
    'Reporting-MTA: dns; \r\nFinal-Recipient: rfc822; \r\nAction: failed\r\nStatus: 5.1.1\r\nDelivered-To: X-Received: by ',
    'Received-SPF: pass (google.com: domain of designates as permitted sender) client-ip=; envelope-from=\r\n',
    'List-Id: <\r\nList-Unsubscribe: <https://\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n',
    'Content-Disposition: attachment; filename="\r\nContent-ID: <image.png\r\nContent-Type: application/pdf; name="',
    'Content-Type: multipart/mixed; boundary="----=_Part_\r\nContent-Type: multipart/alternative;\r\n boundary="--_000_',
    'Content-Type: text/html; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n',
    'Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n',
    'ARC-Authentication-Results: i=1; mx.google.com;\r\nARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; ',
    'ARC-Seal: i=1; a=rsa-sha256; t=17; cv=none;\r\n        d=google.com; s=arc-20240605;\r\n        b=',
    'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=.com; s=s1; q=dns/txt; t=17;\r\n\t',
    'h=from:to:subject:date:message-id:mime-version:content-type:list-unsubscribe:reply-to;\r\n\tbh=;\r\n\tb=',
    'Authentication-Results: mx.; dkim=pass header.i=@ header.d= header.s=s1 header.b=; spf=pass smtp.mailfrom=;\r\n\t',
    'dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=.com\r\nReturn-Path: <bounces+\r\n',
    'Received: from mail-.google.com (mail-.google.com [209.85.]) by smtp. (Postfix) with ESMTPS id \r\n\tfor <>; ',
    'Sun, Mon, Tue, Wed, Thu, Fri, Sat, Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec 2019 2020 2021 2022 2023 2024 ',
    '2025 2026 00:00:00 +0000 (UTC)\r\n (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)\r\n',
    'References: <\r\nIn-Reply-To: <\r\nReply-To: Sender: Cc: To: "" <\r\nFrom: "" <@gmail.com>\r\n',
    'Subject: =?UTF-8?Q?=?utf-8?B?Re: Fwd: \r\nDate: Message-ID: <@mail.gmail.com>\r\nMIME-Version: 1.0\r\n',
  ].join(''),
  'latin1',
);

const options = {
  params: {
    // A higher level costs more and gains next to nothing on so little.
    [constants.ZSTD_c_compressionLevel]: 1,
    // Damage is an error, not other bytes.
    [constants.ZSTD_c_checksumFlag]: 1,
  },
  dictionary,
};

/** What Zstandard may need for a piece that it cannot make smaller. */
const scratchBytes = limits.chunkBytes + limits.chunkBytes / 256 + 64;

/** The codec of this thread. */
export function threadCodec(): Codec {
  codec ??= ContextCodec.isPossible() ? new ContextCodec() : callCodec;
  return codec;
}
let codec: Codec | undefined;

/** With Node's own calls, each of which makes a context: some 20 µs beside the work, which is 4 µs for a header. */
export const callCodec: Codec = {
  compress: (bytes) => zstdCompressSync(bytes, options),
  decompress: (compressed, target) => {
    expectWholeFrame(compressed);
    const bytes = zstdDecompressSync(compressed, { dictionary, maxOutputLength: target.length });
    if (bytes.length !== target.length) throw new Error('Compressed bytes have another length');
    target.set(bytes);
  },
};

/** Of a stream of `node:zlib`, what is under it: Node has had it in this form since version 10, but does not document it. */
interface Context {
  readonly _handle: {
    writeSync(
      flush: number,
      input: Uint8Array,
      inputStart: number,
      inputBytes: number,
      output: Uint8Array,
      outputStart: number,
      outputBytes: number,
    ): void;
  };
  /** Bytes of the output that are left, and of the input. */
  readonly _writeState: Uint32Array;
  on(event: 'error', listener: () => void): void;
  readonly destroyed: boolean;
}

/** With one context for all calls. */
export class ContextCodec implements Codec {
  #compressor: Context | undefined;
  #decompressor: Context | undefined;
  readonly #scratch = new Uint8Array(scratchBytes);

  /** True if this Node has what is needed, which one round trip shows. */
  static isPossible(): boolean {
    try {
      const tried = new ContextCodec();
      const target = new Uint8Array(dictionary.length);
      for (let round = 0; round < 2; round++) {
        tried.decompress(tried.compress(dictionary).slice(), target.fill(0));
        if (!dictionary.equals(target)) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  compress(bytes: Uint8Array): Uint8Array {
    this.#compressor ??= open(new ZstdCompress(options));
    const left = run(this.#compressor, constants.ZSTD_e_end, bytes, this.#scratch);
    if (left === undefined) {
      this.#compressor = undefined;
      throw new Error(`Cannot compress ${bytes.length} bytes`);
    }
    return this.#scratch.subarray(0, scratchBytes - left);
  }

  decompress(compressed: Uint8Array, target: Uint8Array): void {
    // The context would wait for the rest, and take the next frame for it.
    expectWholeFrame(compressed);
    this.#decompressor ??= open(new ZstdDecompress({ dictionary }));
    const left = run(this.#decompressor, constants.ZSTD_e_continue, compressed, target);
    if (left === 0) return;
    // It may be within a frame.
    this.#decompressor = undefined;
    throw new Error('Compressed bytes are damaged, or have another length');
  }
}

function expectWholeFrame(compressed: Uint8Array): void {
  if (!isWholeFrame(compressed)) throw new Error('Compressed bytes are not a whole frame');
}

function open(stream: ZstdCompress | ZstdDecompress): Context {
  const context = stream as unknown as Context;
  // Who calls is told by the result.
  context.on('error', () => undefined);
  return context;
}

/** The bytes of the output that are left; undefined if the input is faulty, or the output too small for it. */
function run(
  context: Context,
  flush: number,
  input: Uint8Array,
  output: Uint8Array,
): number | undefined {
  context._writeState.fill(1);
  context._handle.writeSync(flush, input, 0, input.length, output, 0, output.length);
  const [outputLeft, inputLeft] = context._writeState;
  return context.destroyed || inputLeft !== 0 ? undefined : outputLeft;
}
