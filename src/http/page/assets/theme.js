// Runs before the page is drawn, so that it never flashes in the other colours.
(() => {
  const order = ["system", "light", "dark"];
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };
  let theme = order.includes(stored()) ? stored() : "system";
  const show = () => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.lastElementChild.textContent = theme;
      button.ariaLabel = `Theme: ${theme}`;
    }
    dispatchEvent(new Event("themechange"));
  };
  show();
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      try {
        localStorage.setItem("theme", theme);
      } catch {
        // A browser that keeps nothing forgets it.
      }
      show();
    });
  });
})();
