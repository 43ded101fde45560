// Dark or light: the system's, until somebody chooses; the choice is a cookie, so that pages come in it.
export function theme() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `prelude_theme=${root.dataset.theme}; Path=/analytics; Max-Age=31536000; SameSite=Strict`;
  });
}
