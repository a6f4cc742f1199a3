type X509 = typeof import('@peculiar/x509');

interface MetadataReflect {
  getMetadata?: (key: unknown, target: object) => unknown;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
}

let loading: Promise<X509> | undefined;

/**
 * Loads @peculiar/x509 when a certificate is to be made, which most servers never do.
 *
 * Its dependency injection asks Reflect for decorator metadata while it loads, and refuses to load without an
 * answer. There is none to give: none of its classes has injected parameters. So Reflect says so for as long
 * as that takes, instead of a polyfill that would change it for the whole process.
 */
export function loadX509(): Promise<X509> {
  loading ??= load();
  return loading;
}

async function load(): Promise<X509> {
  const reflect = Reflect as MetadataReflect;
  if (reflect.getMetadata !== undefined) return import('@peculiar/x509');
  reflect.getMetadata = () => undefined;
  reflect.getOwnMetadata = () => undefined;
  reflect.defineMetadata = () => {};
  try {
    return await import('@peculiar/x509');
  } finally {
    delete reflect.getMetadata;
    delete reflect.getOwnMetadata;
    delete reflect.defineMetadata;
  }
}
