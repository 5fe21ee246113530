from __future__ import annotations

from machinery.software import Service, site

_MODULES = ("mpm_event", "authz_core", "reqtimeout")
_CONFIGURATION = """
ServerRoot {folder}
PidFile {folder}/apache.pid
ServerName shop
Listen {port}
DocumentRoot {folder}/site
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
{modules}
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
{directives}
"""


class Apache(Service):
    """Apache httpd (MPM event) that serves files. `files`: name -> size in bytes. Directives of the server: `KeepAliveTimeout="2"`."""

    packages = ("apache2-bin",)
    version_command = ("apache2", "-v")

    def __init__(self, host, port: int = 80, files: dict[str, int] | None = None, **directives: str):
        super().__init__(host, port)
        self.files, self.directives = files or {"orders": 300}, directives

    def prepare(self, folder):
        site(folder / "site", self.files)
        (folder / "apache.conf").write_text(_CONFIGURATION.format(
            folder=folder, port=self.port, directives="\n".join(f"{name} {value}" for name, value in self.directives.items()),
            modules="\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES)))

    def command(self, folder):
        return ["apache2", "-f", f"{folder}/apache.conf", "-DFOREGROUND"]

    def settings(self):
        return dict(self.directives)

    def log(self):
        return (self.folder / "error.log").read_text(errors="replace") if (self.folder / "error.log").exists() else super().log()
