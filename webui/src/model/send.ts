import { api, type FinishUpload, type ModelEntry, type UploadedFile, unwrap } from "../api/client.ts";

export interface ModelSending {
  /** One file, or all parts of a split model in their order. */
  files: File[];
  finish: FinishUpload;
  /** Called with the bytes that are there so far, those of an earlier attempt included. */
  progress: (bytes: number) => void;
  signal: AbortSignal;
}

/** Sends the files of a model piece by piece, from where an earlier attempt was broken off, and has them taken in. */
export async function sendModel({ files, finish, progress, signal }: ModelSending): Promise<ModelEntry> {
  const wanted = files.map(({ name, size }) => ({ name, size }));
  const begin = () => unwrap(api.POST("/api/v1/model-uploads", { body: { files: wanted }, signal }));
  let upload = await begin();
  let same = true;
  for (const [i, file] of files.entries()) same &&= await continues(file, upload.files[i], upload.chunkBytes, signal);
  const path = { upload: upload.id };
  if (!same) {
    // Another file of that name and size was broken off: what is there is none of this one.
    await unwrap(api.DELETE("/api/v1/model-uploads/{upload}", { params: { path }, signal }));
    upload = await begin();
  }
  const there = upload.files.map((f) => f.kept);
  const tell = () => progress(there.reduce((sum, n) => sum + n, 0));
  tell();
  for (const [number, file] of files.entries()) {
    for (let at = there[number] ?? 0; at < file.size;) {
      const end = Math.min(at + upload.chunkBytes, file.size);
      await unwrap(
        api.PUT("/api/v1/model-uploads/{upload}/files/{number}", {
          params: {
            path: { upload: upload.id, number },
            header: { "Content-Range": `bytes ${String(at)}-${String(end - 1)}/${String(file.size)}` },
          },
          headers: { "Content-Type": "application/octet-stream" },
          body: "",
          bodySerializer: () => file.slice(at, end),
          signal,
        }),
      );
      there[number] = at = end;
      tell();
    }
  }
  return unwrap(api.POST("/api/v1/model-uploads/{upload}/import", { params: { path }, body: finish, signal }));
}

/**
 * Whether what was kept of a file is the beginning of this one, judged by its digest. Browsers compute digests only on
 * pages that came over TLS or from this computer; elsewhere the answer is no, and a file is sent from its beginning.
 */
async function continues(
  file: File,
  kept: UploadedFile | undefined,
  pieceBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (!kept || kept.kept === 0) return true;
  if (!isSecureContext) return false;
  const digests: ArrayBuffer[] = [];
  for (let at = 0; at < kept.kept; at += pieceBytes) {
    signal.throwIfAborted();
    const piece = await file.slice(at, Math.min(at + pieceBytes, kept.kept)).arrayBuffer();
    digests.push(await crypto.subtle.digest("SHA-256", piece));
  }
  const all = new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(digests).arrayBuffer()));
  return kept.digest === [...all].map((b) => b.toString(16).padStart(2, "0")).join("");
}
