// Pages as documents: what comes is ours and escaped by the server, and the policy lets this one place read it.
const policy = globalThis.trustedTypes?.createPolicy("prelude", { createHTML: (text) => text });

export function parsed(text) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
}
