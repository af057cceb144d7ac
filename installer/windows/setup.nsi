; The setup for people, with the same result as the MSI. make-setup gives VERSION,
; TREE, OUT and SIGN. Silent: /S, and /D=FOLDER as the last argument.
Unicode true
Target amd64-unicode
!include FileFunc.nsh
!include LogicLib.nsh
!include WordFunc.nsh
!insertmacro WordReplace
!insertmacro un.WordReplace
!insertmacro VersionCompare

Name "Stampede ${VERSION}"
OutFile "${OUT}"
InstallDir "$PROGRAMFILES64\Stampede"
RequestExecutionLevel admin
SetCompressor /SOLID lzma
ManifestSupportedOS Win10
VIProductVersion "${VERSION}.0"
VIAddVersionKey ProductName "Stampede"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "Setup of Stampede network measurement"
VIAddVersionKey CompanyName "The Stampede project"
VIAddVersionKey LegalCopyright "Apache License 2.0"
!uninstfinalize '"${SIGN}" "%1"'

!define KEY "Software\Stampede"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Stampede"
!define EVENTS "SYSTEM\CurrentControlSet\Services\EventLog\Application\stampede"
!define ENVIRONMENT "SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
!define RULE 'name="Stampede reflector"'

Var DATA      ; the folder of configuration and history
Var PROBLEM   ; what went wrong, or ""
Var UPGRADE   ; 1: there is a version here already
Var ARGUMENTS

PageEx license
  LicenseData "${TREE}/LICENSE"
PageExEnd
Page components
Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

; Run COMMAND; unless it ends with 0, remember TEXT as what went wrong.
!macro Run TEXT COMMAND
  ${If} $PROBLEM == ""
    nsExec::ExecToStack `${COMMAND}`
    Pop $0
    Pop $1
    DetailPrint "$1"
    ${If} $0 != 0
      StrCpy $PROBLEM "${TEXT} $1"
    ${EndIf}
  ${EndIf}
!macroend

; Write VALUE of the option NAME, if it was given, as SECTION/KEY into the configuration.
!macro Setting NAME SECTION KEY BEFORE
  ClearErrors
  ${GetOptions} $ARGUMENTS "${NAME}=" $0
  ${IfNot} ${Errors}
    WriteINIStr "$DATA\stampede.ini" "${SECTION}" "${KEY}" "${BEFORE}$0"
  ${EndIf}
!macroend

; The same for 1 and 0: yes and no.
!macro Switch NAME SECTION
  ClearErrors
  ${GetOptions} $ARGUMENTS "${NAME}=" $0
  ${IfNot} ${Errors}
    ${If} $0 == 1
      WriteINIStr "$DATA\stampede.ini" "${SECTION}" "enabled" "yes"
    ${Else}
      WriteINIStr "$DATA\stampede.ini" "${SECTION}" "enabled" "no"
    ${EndIf}
  ${EndIf}
!macroend

; NSIS cuts what is longer than 1,024 characters: such a path it must not write.
!macro AddToPath
  ClearErrors
  ReadRegStr $0 HKLM "${ENVIRONMENT}" "Path"
  StrLen $1 "$0;$INSTDIR"
  ${If} ${Errors}
  ${OrIf} $1 > 1000
    DetailPrint "PATH is too long to be changed here; add $INSTDIR to it yourself."
  ${Else}
    ${WordReplace} "$0" ";$INSTDIR" "" "+" $0
    WriteRegExpandStr HKLM "${ENVIRONMENT}" "Path" "$0;$INSTDIR"
  ${EndIf}
!macroend

!macro RemoveFromPath UN
  ClearErrors
  ReadRegStr $0 HKLM "${ENVIRONMENT}" "Path"
  ${IfNot} ${Errors}
    ${${UN}WordReplace} "$0" ";$INSTDIR" "" "+" $1
    ${If} "$1" != "$0"
    ${AndIf} "$1" != ""
      WriteRegExpandStr HKLM "${ENVIRONMENT}" "Path" "$1"
    ${EndIf}
  ${EndIf}
!macroend

; All that is in the folder of the program but the program itself.
!macro DeletePapers
  Delete "$INSTDIR\LICENSE"
  Delete "$INSTDIR\NEWS"
  Delete "$INSTDIR\README.md"
  RMDir /r "$INSTDIR\doc"
!macroend

!macro RemoveAll UN
  nsExec::Exec '"$INSTDIR\stampede.exe" service uninstall'
  Pop $0
  nsExec::Exec '"$SYSDIR\netsh.exe" advfirewall firewall delete rule ${RULE}'
  Pop $0
  !insertmacro RemoveFromPath "${UN}"
  DeleteRegKey HKLM "${EVENTS}"
  DeleteRegKey HKLM "${KEY}"
  DeleteRegKey HKLM "${UNINSTALL}"
  Delete "$SMPROGRAMS\Stampede.lnk"
  !insertmacro DeletePapers
  Delete "$INSTDIR\stampede.exe"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
!macroend

Function .onInit
  SetRegView 64
  SetShellVarContext all
  StrCpy $DATA "$APPDATA\Stampede"
  StrCpy $PROBLEM ""
  ${GetParameters} $ARGUMENTS
  ReadRegStr $0 HKLM "${KEY}" "Installer"
  ${If} $0 == "msi"
    MessageBox MB_ICONSTOP "Stampede was installed from an MSI. Upgrade it with one, or uninstall it first." /SD IDOK
    SetErrorLevel 3
    Quit
  ${EndIf}
  StrCpy $UPGRADE 0
  ReadRegStr $0 HKLM "${KEY}" "Version"
  ${If} $0 != ""
    StrCpy $UPGRADE 1
    ${VersionCompare} "$0" "${VERSION}" $1
    ${If} $1 == 1
      MessageBox MB_ICONSTOP "A newer version of Stampede ($0) is installed. Uninstall it first." /SD IDOK
      SetErrorLevel 3
      Quit
    ${EndIf}
    ReadRegStr $INSTDIR HKLM "${KEY}" "Folder"
  ${EndIf}
FunctionEnd

Section "Stampede"
  SectionIn RO
  ; The program that runs now is put aside, for the way back.
  ${If} $UPGRADE = 1
    nsExec::Exec '"$INSTDIR\stampede.exe" service stop'
    Pop $0
    Delete "$INSTDIR\stampede.old"
    Rename "$INSTDIR\stampede.exe" "$INSTDIR\stampede.old"
  ${EndIf}
  CreateDirectory "$DATA"
  ${If} ${FileExists} "$DATA\stampede.ini"
    CopyFiles /SILENT "$DATA\stampede.ini" "$DATA\stampede.ini.old"
  ${EndIf}

  ClearErrors
  SetOutPath "$INSTDIR"
  File "${TREE}/stampede.exe"
  ${If} ${Errors}
    StrCpy $PROBLEM "The program cannot be written into $INSTDIR."
  ${EndIf}

  ; A configuration brought along is checked before it takes the place of another.
  ClearErrors
  ${GetOptions} $ARGUMENTS "--config-file=" $2
  ${IfNot} ${Errors}
    !insertmacro Run "The configuration is not good." '"$INSTDIR\stampede.exe" config check "$2"'
    ${If} $PROBLEM == ""
      CopyFiles /SILENT "$2" "$DATA\stampede.ini"
    ${EndIf}
  ${EndIf}
  SetOutPath "$DATA"
  SetOverwrite off
  File "${TREE}/stampede.ini"
  SetOverwrite on
  !insertmacro Switch "--reflector" "reflector"
  !insertmacro Setting "--listen-port" "reflector" "listen" "0.0.0.0:"
  !insertmacro Setting "--listen" "reflector" "listen" ""
  !insertmacro Setting "--allow" "reflector" "allow" ""
  !insertmacro Switch "--metrics" "metrics"
  !insertmacro Setting "--metrics-listen" "metrics" "listen" ""
  !insertmacro Run "The configuration is not good." '"$INSTDIR\stampede.exe" config check "$DATA\stampede.ini"'
SectionEnd

Section "Service"
  ; --no-service: the program alone, as without the tick in the list.
  ClearErrors
  ${GetOptions} $ARGUMENTS "--no-service" $0
  IfErrors 0 no_service
  !insertmacro Run "The service cannot be installed." '"$INSTDIR\stampede.exe" service install'
  !insertmacro Run "The service does not start." '"$INSTDIR\stampede.exe" service start'
  ClearErrors
  ${GetOptions} $ARGUMENTS "--reflector=" $0
  ${IfNot} ${Errors}
    nsExec::Exec '"$SYSDIR\netsh.exe" advfirewall firewall delete rule ${RULE}'
    Pop $1
    ${If} $0 == 1
      !insertmacro Run "The firewall takes no rule." '"$SYSDIR\netsh.exe" advfirewall firewall add rule ${RULE} dir=in action=allow protocol=udp program="$INSTDIR\stampede.exe"'
    ${EndIf}
  ${EndIf}
no_service:
SectionEnd

Section "Start menu"
  CreateShortCut "$SMPROGRAMS\Stampede.lnk" "$SYSDIR\cmd.exe" '/k "$INSTDIR\stampede.exe" --help'
SectionEnd

Section
  ${If} $PROBLEM != ""
    Call Back
    DetailPrint "$PROBLEM"
    MessageBox MB_ICONSTOP "$PROBLEM$\r$\nNothing was changed." /SD IDOK
    SetErrorLevel 2
    Abort
  ${EndIf}
  Delete "$INSTDIR\stampede.old"
  Delete "$DATA\stampede.ini.old"
  SetOutPath "$INSTDIR"
  File /r /x stampede.exe /x stampede.ini "${TREE}/*"
  WriteRegStr HKLM "${KEY}" "Folder" "$INSTDIR"
  WriteRegStr HKLM "${KEY}" "Version" "${VERSION}"
  WriteRegStr HKLM "${KEY}" "Installer" "setup"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "Stampede"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKLM "${UNINSTALL}" "Publisher" "The Stampede project"
  WriteRegStr HKLM "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKLM "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKLM "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKLM "${UNINSTALL}" "NoRepair" 1
  WriteUninstaller "$INSTDIR\uninstall.exe"
  !insertmacro AddToPath
SectionEnd

; To where it was before: the old program and configuration, or nothing at all.
Function Back
  SetOutPath "$TEMP"
  nsExec::Exec '"$INSTDIR\stampede.exe" service stop'
  Pop $0
  ${If} ${FileExists} "$DATA\stampede.ini.old"
    Delete "$DATA\stampede.ini"
    Rename "$DATA\stampede.ini.old" "$DATA\stampede.ini"
  ${Else}
    Delete "$DATA\stampede.ini"
  ${EndIf}
  ${If} $UPGRADE = 1
    Delete "$INSTDIR\stampede.exe"
    Rename "$INSTDIR\stampede.old" "$INSTDIR\stampede.exe"
    nsExec::Exec '"$INSTDIR\stampede.exe" service start'
    Pop $0
  ${Else}
    !insertmacro RemoveAll ""
    RMDir "$DATA"
  ${EndIf}
FunctionEnd

Function un.onInit
  SetRegView 64
  SetShellVarContext all
  StrCpy $DATA "$APPDATA\Stampede"
  ${GetParameters} $ARGUMENTS
FunctionEnd

Section Uninstall
  SetOutPath "$TEMP"
  !insertmacro RemoveAll "un."
  ClearErrors
  ${GetOptions} $ARGUMENTS "--purge" $0
  ${IfNot} ${Errors}
    RMDir /r "$DATA"
  ${EndIf}
SectionEnd
