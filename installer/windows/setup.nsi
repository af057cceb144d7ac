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

; The value of an option into $0; the error flag when it was not given. GetOptions
; of NSIS ends a value at every dash. Here a blank ends it, unless quotation marks
; stand around the value or around all of the option.
!macro Option NAME
  Push "${NAME}="
  Call Option
!macroend

Function Option
  Pop $R0
  StrLen $R1 $R0
  StrCpy $R2 -1
  ${Do}
    IntOp $R2 $R2 + 1
    StrCpy $R3 $ARGUMENTS $R1 $R2
    ${If} $R3 == ""
      SetErrors
      Return
    ${EndIf}
    StrCpy $R4 " "
    ${If} $R2 > 0
      IntOp $R5 $R2 - 1
      StrCpy $R4 $ARGUMENTS 1 $R5
    ${EndIf}
    ${If} $R3 == $R0
      ${If} $R4 == " "
      ${OrIf} $R4 == '"'
        ${Break}
      ${EndIf}
    ${EndIf}
  ${Loop}
  IntOp $R2 $R2 + $R1
  StrCpy $R3 $ARGUMENTS 1 $R2
  ${If} $R3 == '"'
    StrCpy $R4 '"'
    IntOp $R2 $R2 + 1
  ${EndIf}
  StrCpy $0 ""
  ${Do}
    StrCpy $R3 $ARGUMENTS 1 $R2
    ${If} $R3 == ""
    ${OrIf} $R3 == $R4
      ${Break}
    ${EndIf}
    StrCpy $0 "$0$R3"
    IntOp $R2 $R2 + 1
  ${Loop}
  ClearErrors
FunctionEnd

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

; If the option NAME was given, write VALUE, made of what it takes ($0), into the configuration.
!macro Setting NAME SECTION KEY VALUE
  ClearErrors
  !insertmacro Option "${NAME}"
  ${IfNot} ${Errors}
    WriteINIStr "$DATA\stampede.ini" "${SECTION}" "${KEY}" "${VALUE}"
  ${EndIf}
!macroend

; The same for 1 and 0: yes and no.
!macro Switch NAME SECTION
  ClearErrors
  !insertmacro Option "${NAME}"
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
  !insertmacro Option "--config-file"
  ${IfNot} ${Errors}
    StrCpy $2 $0
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
  !insertmacro Setting "--listen-port" "reflector" "listen" "0.0.0.0:$0, [::]:$0"
  !insertmacro Setting "--listen" "reflector" "listen" "$0"
  !insertmacro Setting "--allow" "reflector" "allow" "$0"
  !insertmacro Switch "--metrics" "metrics"
  !insertmacro Setting "--metrics-listen" "metrics" "listen" "$0"
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
  !insertmacro Option "--reflector"
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
